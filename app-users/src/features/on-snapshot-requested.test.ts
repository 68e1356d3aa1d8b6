import { newId } from '@feira/chassis'
import { waitUntil } from '@feira/chassis/testing'
import { snapshotCompleted, snapshotRequested } from '@feira/contracts/snapshots'
import { userSnapshot } from '@feira/contracts/users'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestIssuer, type TestIssuer } from '../testing/issuer.ts'

let users: TestIssuer

beforeAll(async () => {
  users = await startTestIssuer()
})
afterAll(() => users[Symbol.asyncDispose]())

test('everybody is sent to the queue that asked, page after page, and then how many that were', async () => {
  const text = `insert into users (id, name, email, role, status, locale, version, created_at, updated_at)
    select gen_random_uuid(), 'User ' || n, 'user-' || n || '@example.com', 'user', 'active', 'en', 7, now(), now()
    from generate_series(1, 1200) as n`
  await users.resources.query({ text })
  const deleted = await users.register()
  await users.http.inject({ method: 'DELETE', url: `/users/${deleted.id}`, headers: users.admin })
  const requestId = newId()
  await users.deliver(snapshotRequested, { requestId, kinds: ['product', 'user'], replyQueue: 'orders.on-snapshot' })
  await waitUntil('all are sent', async () => (await users.published(snapshotCompleted)).length > 0)
  const rows = await users.published(userSnapshot)
  expect(rows).toHaveLength(1_203)
  expect(new Set(rows.map(({ userId }) => userId)).size).toBe(1_203)
  expect(new Set(rows.map(row => row.requestId))).toEqual(new Set([requestId]))
  expect(rows.find(({ name }) => name === 'User 1000')).toMatchObject({
    email: 'user-1000@example.com',
    role: 'user',
    status: 'active',
    locale: 'en',
    version: 7,
  })
  expect(rows.map(({ userId }) => userId)).not.toContain(deleted.id)
  expect(await users.published(snapshotCompleted)).toEqual([{ requestId, owner: 'users', kind: 'user', count: 1_203 }])
  const queues = await users.resources.query<{ queue: string }>({
    text: `select distinct queue from chassis.outbox where type in ('user.snapshot', 'snapshot.completed')`,
  })
  expect(queues.rows).toEqual([{ queue: 'orders.on-snapshot' }])
})

test('whoever asks for others gets no answer from here', async () => {
  const requestId = newId()
  await users.deliver(snapshotRequested, { requestId, kinds: ['product'], replyQueue: 'orders.on-snapshot' })
  const completed = await users.published(snapshotCompleted)
  expect(completed.filter(answer => answer.requestId === requestId)).toEqual([])
})
