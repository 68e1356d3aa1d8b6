import { encodeCursor, newId } from '@feira/chassis'
import { asAdmin, asPartner, asUser, waitUntil } from '@feira/chassis/testing'
import { notificationsEmail, notificationsSms } from '@feira/contracts/notifications'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { email, startMailing, type Mailing } from '../testing/mailing.ts'

let mailing: Mailing
const [ana, bob, orderId] = [newId(), newId(), newId()]
const [first, second, refused, bobs] = [
  email('ana@example.com', { userId: ana, orderId }),
  email('ana@example.com', { userId: ana, orderId: newId() }),
  email('gone@example.com', { userId: ana, orderId }),
  email('bob@example.com', { userId: bob, orderId: newId() }),
]
const text = { ...notificationsSms.example, notificationId: newId(), userId: ana, orderId, priority: 'normal' as const }

beforeAll(async () => {
  mailing = await startMailing()
  mailing.mail.behave = recipient => (recipient === 'gone@example.com' ? 550 : 'accept')
  for (const work of [first, second, refused, bobs]) await mailing.notifications.deliver(notificationsEmail, work)
  await mailing.notifications.deliver(notificationsSms, text)
  await waitUntil('all have an end', async () => {
    return (await mailing.sql(`select 1 from notifications where status <> 'pending'`)).length === 5
  })
})
afterAll(() => mailing[Symbol.asyncDispose]())

const get = (url: string, headers: object) => mailing.notifications.http.inject({ url, headers: { ...headers } })
async function idsOf(query: string, headers: object = asAdmin()): Promise<string[]> {
  const answer = await get(`/notifications${query}`, headers)
  expect(answer.statusCode, answer.body).toBe(200)
  return answer.json().items.map(({ id }: { id: string }) => id)
}
const ids = (...works: { notificationId: string }[]) => works.map(({ notificationId }) => notificationId)

describe('a list', () => {
  test('shows an admin all, newest first', async () => {
    expect(await idsOf('')).toEqual(ids(text, bobs, refused, second, first))
  })

  test('shows users their own', async () => {
    expect(await idsOf('', asUser(ana))).toEqual(ids(text, refused, second, first))
    expect(await idsOf('', asUser(bob))).toEqual(ids(bobs))
    expect(await idsOf('', asUser(newId()))).toEqual([])
    expect(await idsOf(`?userId=${ana}`, asUser(bob))).toEqual([])
    expect(await idsOf('?recipient=ana@example.com', asUser(bob))).toEqual([])
    expect(await idsOf(`?orderId=${orderId}`, asUser(bob))).toEqual([])
  })

  test('can be filtered', async () => {
    expect(await idsOf('?channel=sms')).toEqual(ids(text))
    expect(await idsOf('?channel=email')).toEqual(ids(bobs, refused, second, first))
    expect(await idsOf('?status=failed')).toEqual(ids(refused))
    expect(await idsOf('?status=pending')).toEqual([])
    expect(await idsOf('?recipient=ana@example.com')).toEqual(ids(second, first))
    expect(await idsOf(`?recipient=${encodeURIComponent('+5511999990000')}`)).toEqual(ids(text))
    expect(await idsOf(`?userId=${bob}`)).toEqual(ids(bobs))
    expect(await idsOf(`?orderId=${orderId}&status=sent`)).toEqual(ids(text, first))
    expect(await idsOf(`?orderId=${orderId}&channel=email`, asUser(ana))).toEqual(ids(refused, first))
  })

  test('comes in pages, whose last says so', async () => {
    const pages: string[][] = []
    for (let cursor: string | null = ''; cursor !== null;) {
      const answer: { items: { id: string }[]; nextCursor: string | null } = (
        await get(`/notifications?limit=2${cursor && `&cursor=${cursor}`}`, asAdmin())
      ).json()
      pages.push(answer.items.map(({ id }) => id))
      cursor = answer.nextCursor
    }
    expect(pages).toEqual([ids(text, bobs), ids(refused, second), ids(first)])
  })

  test('goes on behind those of the same moment', async () => {
    const userId = newId()
    const same = Array.from({ length: 5 }, () => newId())
    await mailing.sql(
      `insert into notifications (id, channel, status, priority, user_id, created_at, updated_at)
       select id, 'email', 'sent', 'normal', $2, '2020-01-01', now() from unnest($1::uuid[]) as id`,
      same,
      userId,
    )
    const one = (await get(`/notifications?userId=${userId}&limit=3`, asAdmin())).json()
    const two = (await get(`/notifications?userId=${userId}&limit=3&cursor=${one.nextCursor}`, asAdmin())).json()
    const seen = [...one.items, ...two.items].map(({ id }: { id: string }) => id)
    expect(seen).toEqual(same.toSorted().toReversed())
    expect(two.nextCursor).toBeNull()
    await mailing.sql('delete from notifications where user_id = $1', userId)
  })

  test('ends before a moment before all others', async () => {
    expect(await idsOf(`?cursor=${encodeCursor(['0000-01-01T00:00:00Z', newId()])}`)).toEqual([])
  })

  test('tells admins of attempts and errors, users not', async () => {
    const [shown] = (await get('/notifications?status=failed', asAdmin())).json().items
    expect(shown).toMatchObject({ attempts: 1, lastError: expect.stringContaining('550') })
    const [own] = (await get('/notifications?status=failed', asUser(ana))).json().items
    expect(own).not.toHaveProperty('attempts')
    expect(own).not.toHaveProperty('lastError')
    expect(own).not.toHaveProperty('text')
  })

  test.each([
    '?channel=fax',
    '?status=lost',
    '?userId=1',
    '?orderId=x',
    '?limit=0',
    '?cursor=x',
    '?cursor=WyJ4Il0',
    '?sent=1',
  ])('cannot be asked for by %s', async query => {
    expect((await get(`/notifications${query}`, asAdmin())).statusCode).toBe(400)
  })
})

describe('a single one', () => {
  const read = (id: string, headers: object) => get(`/notifications/${id}`, headers)

  test('is shown to its user and to admins', async () => {
    const own = await read(first.notificationId, asUser(ana))
    expect(own.statusCode).toBe(200)
    expect(own.json()).toMatchObject({ recipient: 'ana@example.com', text: first.text, html: first.html, orderId })
    expect(own.json()).not.toHaveProperty('attempts')
    expect((await read(first.notificationId, asAdmin())).json()).toMatchObject({ attempts: 1, lastError: null })
  })

  test('is not there for anybody else', async () => {
    const others = await read(first.notificationId, asUser(bob))
    expect(others.statusCode).toBe(404)
    expect(others.json()).toMatchObject({ code: 'notification-not-found' })
    expect((await read(newId(), asAdmin())).statusCode).toBe(404)
    expect((await read('1', asAdmin())).statusCode).toBe(400)
  })

  test('has a tag by which a repeated reading is spared', async () => {
    const { etag } = (await read(first.notificationId, asUser(ana))).headers
    expect((await read(first.notificationId, { ...asUser(ana), 'if-none-match': etag })).statusCode).toBe(304)
    expect((await read(first.notificationId, { ...asUser(bob), 'if-none-match': etag })).statusCode).toBe(404)
  })
})

test.each(['/notifications', `/notifications/${first.notificationId}`])(
  '%s needs a token of a user or an admin',
  async url => {
    expect((await get(url, {})).statusCode).toBe(401)
    expect((await get(url, { authorization: 'Bearer no.such.token' })).statusCode).toBe(401)
    expect((await get(url, asPartner())).statusCode).toBe(403)
  },
)
