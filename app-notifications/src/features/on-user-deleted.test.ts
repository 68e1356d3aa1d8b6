import { newId } from '@feira/chassis'
import { asAdmin, waitUntil } from '@feira/chassis/testing'
import { notificationFailed, notificationsEmail } from '@feira/contracts/notifications'
import { userDeleted } from '@feira/contracts/users'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { noteFailure } from '../delivery/ledger.ts'
import { email, startMailing, type Mailing } from '../testing/mailing.ts'

let mailing: Mailing

beforeAll(async () => {
  mailing = await startMailing()
})
afterEach(() => {
  mailing.mail.behave = () => 'accept'
  mailing.mail.gate = () => {}
})
afterAll(() => mailing[Symbol.asyncDispose]())

const erase = (userId: string | null | undefined) =>
  mailing.notifications.deliver(userDeleted, { ...userDeleted.example, userId: userId ?? '' })
const rowOf = async (id: string) => (await mailing.sql('select * from notifications where id = $1', id))[0]
const blank = { recipient: null, subject: null, text: null, html: null }

async function everywhere(text: string): Promise<string[]> {
  const tables = await mailing.sql(
    `select table_schema || '.' || table_name as name from information_schema.tables
     where table_schema in ('public', 'chassis') and table_type = 'BASE TABLE'`,
  )
  const found = await Promise.all(
    tables.map(async ({ name }) => {
      const rows = await mailing.sql(`select 1 from ${String(name)} as row where strpos(row::text, $1) > 0`, text)
      return rows.length > 0 ? [String(name)] : []
    }),
  )
  return found.flat()
}

test('what was sent to an erased user keeps its row and says nothing', async () => {
  const work = email('maria@example.com', { subject: 'Para Maria', text: 'Olá, Maria', html: '<p>Maria</p>' })
  await mailing.notifications.deliver(notificationsEmail, work)
  expect(await everywhere('Maria')).toContain('public.notifications')
  await erase(work.userId)
  expect(await rowOf(work.notificationId)).toMatchObject({ ...blank, status: 'sent', channel: 'email', version: 2 })
  expect(await everywhere('maria@example.com')).toEqual([])
  expect(await everywhere('Maria')).toEqual([])
})

test('so does what went to their address without naming them', async () => {
  const work = email('carla@example.com')
  await mailing.notifications.deliver(notificationsEmail, work)
  const unnamed = email('carla@example.com', { userId: null as never, text: 'Olá, Carla' })
  const another = email('carla@example.com', { text: 'shares the address' })
  await mailing.notifications.deliver(notificationsEmail, unnamed)
  await mailing.notifications.deliver(notificationsEmail, another)
  await erase(work.userId)
  expect(await rowOf(unnamed.notificationId)).toMatchObject({ ...blank, status: 'sent' })
  expect(await rowOf(another.notificationId)).toMatchObject({ recipient: 'carla@example.com' })
})

test('and what an admin had sent to their address, wherever it left a trace', async () => {
  const work = email('olga@example.com')
  await mailing.notifications.deliver(notificationsEmail, work)
  const payload = { to: 'olga@example.com', subject: 'Aviso', body: 'Olá, Olga' }
  const request = { method: 'POST', url: '/notifications/email', payload, headers: { ...asAdmin() } } as const
  const { id } = (await mailing.notifications.http.inject(request)).json()
  await waitUntil('it is sent', async () => (await rowOf(id))?.['status'] === 'sent')
  expect((await everywhere('olga@example.com')).toSorted()).toEqual(['chassis.outbox', 'public.notifications'])
  await erase(work.userId)
  expect(await rowOf(id)).toMatchObject({ ...blank, status: 'sent' })
  for (const text of ['olga@example.com', 'Olga']) expect(await everywhere(text)).toEqual([])
})

test('what is pending is not sent any more', async () => {
  mailing.mail.behave = () => 451
  const work = email('paula@example.com')
  await mailing.notifications.resources.transact(async tx => tx.publish(notificationsEmail, work))
  await waitUntil('it was tried', async () => (await rowOf(work.notificationId))?.['last_error'] !== undefined)
  await erase(work.userId)
  mailing.mail.behave = () => 'accept'
  await waitUntil('its message is handled', async () => {
    const rows = await mailing.sql(
      `select 1 from chassis.processed_messages p join chassis.outbox o on o.id::text = p.message_id
       where o.payload ->> 'notificationId' = $1`,
      work.notificationId,
    )
    return rows.length > 0
  })
  expect(mailing.mail.to('paula@example.com')).toEqual([])
  expect(await rowOf(work.notificationId)).toMatchObject({
    ...blank,
    status: 'failed',
    sent_at: null,
    last_error: 'erased',
  })
  const told = await mailing.notifications.published(notificationFailed)
  expect(told.filter(event => event.notificationId === work.notificationId)).toMatchObject([
    { reason: 'erased', recipient: null, version: 2 },
  ])
  await waitUntil('nothing is left', async () => (await everywhere('paula@example.com')).length === 0)
})

test('an attempt that fails after the erasure quotes nobody', async () => {
  const { promise, resolve: release } = Promise.withResolvers<void>()
  mailing.mail.gate = () => promise
  const work = email('nina@example.com')
  await mailing.notifications.resources.transact(async tx => tx.publish(notificationsEmail, work))
  await waitUntil('it is being sent', () => mailing.mail.to('nina@example.com').length === 1)
  await erase(work.userId)
  const attempt = { id: work.notificationId, attempts: 1 }
  await mailing.notifications.resources.transact(tx => noteFailure(tx, attempt, 'failed', '550 <nina@example.com>'))
  expect(await everywhere('nina@example.com')).not.toContain('public.notifications')
  expect(await everywhere('nina@example.com')).not.toContain('public.delivery_attempts')
  expect(await rowOf(work.notificationId)).toMatchObject({ status: 'failed', last_error: 'erased' })
  release()
  await waitUntil('it was sent', async () => (await rowOf(work.notificationId))?.['status'] === 'sent')
})

test('dead letters that mention their address are emptied', async () => {
  mailing.mail.behave = () => 550
  const work = email('lia@example.com')
  await mailing.notifications.deliver(notificationsEmail, work)
  const quoting = email('not an address', { userId: newId(), text: 'write to lia@example.com' })
  await mailing.notifications.deliver(notificationsEmail, quoting)
  expect(await everywhere('lia@example.com')).toContain('chassis.dead_letters')
  await erase(work.userId)
  expect(
    await mailing.sql(`select 1 from chassis.dead_letters where strpos(payload || coalesce(error, ''), 'lia@') > 0`),
  ).toEqual([])
  expect(await rowOf(work.notificationId)).toMatchObject({ ...blank, status: 'failed', last_error: null })
})

test('readers with the old version see that something changed', async () => {
  const work = email('rita@example.com')
  await mailing.notifications.deliver(notificationsEmail, work)
  const read = (headers: object) =>
    mailing.notifications.http.inject({
      url: `/notifications/${work.notificationId}`,
      headers: { ...asAdmin(), ...headers },
    })
  const { etag } = (await read({})).headers
  expect((await read({ 'if-none-match': etag })).statusCode).toBe(304)
  await erase(work.userId)
  const after = await read({ 'if-none-match': etag })
  expect(after.statusCode).toBe(200)
  expect(after.json()).toMatchObject({ ...blank, status: 'sent' })
})
