import { newId } from '@feira/chassis'
import { waitUntil } from '@feira/chassis/testing'
import { notificationFailed, notificationsEmail, notificationSnapshot } from '@feira/contracts/notifications'
import { snapshotCompleted, snapshotRequested } from '@feira/contracts/snapshots'
import { userDeleted } from '@feira/contracts/users'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { email, startMailing, type Mailing } from '../testing/mailing.ts'

let mailing: Mailing

beforeAll(async () => {
  mailing = await startMailing()
})
beforeEach(() => mailing.sql('truncate notifications, delivery_attempts, chassis.outbox'))
afterAll(() => mailing[Symbol.asyncDispose]())

async function send(to: string) {
  const work = email(to)
  await mailing.notifications.deliver(notificationsEmail, work)
  return work
}

async function ask() {
  const { deliver, published } = mailing.notifications
  const requestId = newId()
  await deliver(snapshotRequested, { requestId, kinds: ['notification'], replyQueue: 'queries.on-snapshot' })
  await waitUntil('all are sent', async () => (await published(snapshotCompleted)).length > 0)
  return { requestId, rows: await published(notificationSnapshot), completed: await published(snapshotCompleted) }
}

test('what was sent or given up is shown, and what still waits is not', async () => {
  const sent = await send('ana@example.com')
  const failed = await send('nobody')
  await mailing.sql(
    `insert into notifications (id, channel, status, priority, recipient, created_at, updated_at)
     values ($1, 'sms', 'pending', 'normal', '+5511999990000', now(), now())`,
    newId(),
  )
  const { requestId, rows, completed } = await ask()
  const [times] = await mailing.sql(
    `select (select sent_at from notifications where id = $1) as sent,
       (select failed_at from notifications where id = $2) as failed`,
    sent.notificationId,
    failed.notificationId,
  )
  const common = { version: 2, orderId: sent.orderId, channel: 'email', template: null, requestId }
  const at = (time: unknown) => (time as Date).toISOString()
  const { notificationId, userId } = sent
  expect(rows.toSorted((a, b) => b.status.localeCompare(a.status))).toEqual([
    { ...common, notificationId, userId, recipient: 'ana@example.com', status: 'sent', at: at(times?.['sent']) },
    {
      ...common,
      notificationId: failed.notificationId,
      userId: failed.userId,
      recipient: 'nobody',
      status: 'failed',
      at: at(times?.['failed']),
    },
  ])
  expect(completed).toEqual([{ requestId, owner: 'notifications', kind: 'notification', count: 2 }])
})

test('what was sent to somebody who is erased now does not say to whom', async () => {
  const { notificationId, userId } = await send('eva@example.com')
  await mailing.notifications.deliver(userDeleted, { ...userDeleted.example, userId: String(userId) })
  expect((await ask()).rows).toMatchObject([{ notificationId, userId, recipient: null, status: 'sent' }])
})

test('what was given up tells when, as its event did, also after its person was erased', async () => {
  const { userId } = await send('nobody')
  const { published } = mailing.notifications
  const [failed] = await published(notificationFailed)
  await mailing.notifications.deliver(userDeleted, { ...userDeleted.example, userId: String(userId) })
  const { notificationId, version, failedAt } = failed ?? {}
  expect((await ask()).rows).toMatchObject([{ notificationId, version, recipient: null, at: failedAt }])
})

test('what was given up because its person was erased tells when that was', async () => {
  const id = newId()
  const userId = newId()
  await mailing.sql(
    `insert into notifications (id, channel, status, priority, user_id, recipient, created_at, updated_at)
     values ($1, 'sms', 'pending', 'normal', $2, '+5511999990000', now(), now())`,
    id,
    userId,
  )
  await mailing.notifications.deliver(userDeleted, { ...userDeleted.example, userId })
  await mailing.sql('update notifications set updated_at = now()')
  const [failed] = await mailing.notifications.published(notificationFailed)
  expect((await ask()).rows).toMatchObject([{ notificationId: id, version: 2, at: failed?.failedAt }])
})

test('many notifications are all shown, each once', async () => {
  await mailing.sql(
    `insert into notifications (id, channel, status, priority, recipient, created_at, updated_at, sent_at)
     select gen_random_uuid(), 'email', case when n % 3 = 0 then 'pending' else 'sent' end, 'normal', 'a@example.com',
       now(), now(), now() from generate_series(1, 1650) as n`,
  )
  const { rows, completed } = await ask()
  expect(new Set(rows.map(row => row.notificationId)).size).toBe(1_100)
  expect(completed).toMatchObject([{ count: 1_100 }])
})
