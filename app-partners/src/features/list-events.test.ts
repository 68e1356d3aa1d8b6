import { newId } from '@feira/chassis'
import { asPartner, asUser, waitUntil } from '@feira/chassis/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { EventView } from '../event-view.ts'
import { admin, aReturn, aSale, aStockUpdate, startIntake, type Intake } from '../testing/intake.ts'

let intake: Intake
const partnerId = newId()
const own = asPartner(partnerId)
const other = asPartner(newId())
let ids: string[]

beforeAll(async () => {
  intake = await startIntake()
  ids = []
  for (const event of [aSale, aStockUpdate, aReturn(newId()), aSale, aSale]) ids.push(await intake.accepted(event, own))
  await intake.accepted(aSale, other)
  const [sale, update, bad, ...sales] = ids as [string, string, string, ...string[]]
  for (const id of [sale, update, ...sales]) await intake.becomes(id, 'distributed')
  await intake.becomes(bad, 'refused')
  await intake.reserved(sale)
})
afterAll(() => intake[Symbol.asyncDispose]())

interface Page {
  readonly items: EventView[]
  readonly nextCursor: string | null
}

const list = async (query: string, headers = own) =>
  (await intake.send('GET', `?${query}`, undefined, headers)).json<Page>()
const found = async (query: string, headers = own) => (await list(query, headers)).items.map(({ id }) => id)

describe('GET /events', () => {
  test('shows a partner their own, newest first, page by page', async () => {
    expect(await found('')).toEqual(ids.toReversed())
    const first = await list('limit=2')
    const second = await list(`limit=3&cursor=${first.nextCursor}`)
    expect([...first.items, ...second.items].map(({ id }) => id)).toEqual(ids.toReversed())
    expect(second.nextCursor).toBeNull()
  })

  test('shows an admin those of everybody, or of one', async () => {
    expect((await found('', admin)).length).toBe(6)
    expect(await found(`partnerId=${partnerId}`, admin)).toEqual(ids.toReversed())
    expect(await found(`partnerId=${partnerId.toUpperCase()}`, own)).toEqual(ids.toReversed())
    const refused = await intake.send('GET', `?partnerId=${newId()}`, undefined, own)
    expect(refused.json()).toMatchObject({ status: 403, code: 'role-missing' })
  })

  test.each([
    ['tipo=devolucao', [2]],
    ['tipo=VENDA', [4, 3, 0]],
    ['status=completed', [0]],
    ['status=REFUSED', [2]],
    ['tipo=venda&status=distributed', [4, 3]],
    ['status=dead', []],
    ['from=2100-01-01T00:00:00Z', []],
    ['to=2020-01-01T00:00:00Z', []],
    ['from=2020-01-01T00:00:00-03:00&to=2100-01-01T00:00:00Z&limit=1', [4]],
  ])('by %s', async (query, expected) => {
    expect(await found(query)).toEqual(expected.map(index => ids[index]))
  })

  test.each(['tipo=COMPRA', 'status=lost', 'from=yesterday', 'to=x', 'partnerId=x', 'limit=0', 'cursor=x', 'x=1'])(
    'refuses %s',
    async query => {
      const answer = await intake.send('GET', `?${query}`, undefined, own)
      const field = query.split('=')[0]
      expect(answer.json()).toMatchObject({ status: 400, errors: [{ in: 'query', field }] })
    },
  )
})

describe('one event', () => {
  test('is read with its history, and tagged with its version', async () => {
    const path = `/${ids[0]}`
    const answer = await intake.send('GET', path, undefined, own)
    expect(answer.json()).toEqual(await intake.read(ids[0] as string))
    const etag = answer.headers.etag as string
    expect(etag).toBe(`"${answer.json<EventView>().version}"`)
    expect((await intake.send('GET', path, undefined, { ...own, 'if-none-match': etag })).statusCode).toBe(304)
  })

  test('tells how far it is, and no more', async () => {
    const answer = await intake.send('GET', `/${ids[2]}/status`, undefined, own)
    expect(answer.json()).toEqual({
      id: ids[2],
      status: 'refused',
      attempts: 1,
      orderId: null,
      outcome: { code: 'sale-unknown', detail: expect.stringContaining('There is no sale') as string },
      version: 3,
      updatedAt: expect.any(String) as string,
    })
    expect(answer.headers.etag).toBe('"3"')
  })

  test.each(['', '/status'])('of another partner, or unknown, is not found (%j)', async path => {
    for (const [id, headers] of [
      [ids[0], other],
      [newId(), own],
    ] as const) {
      const answer = await intake.send('GET', `/${id}${path}`, undefined, headers)
      expect(answer.json()).toMatchObject({ status: 404, code: 'event-not-found' })
    }
    expect((await intake.send('GET', `/x${path}`, undefined, own)).statusCode).toBe(400)
    expect((await intake.send('GET', `/${ids[0]}${path}`, undefined, asUser())).statusCode).toBe(403)
  })
})

describe('GET /events/stats', () => {
  interface Stats {
    readonly events: number
    readonly byStatus: Readonly<Record<string, number>>
    readonly byType: readonly { readonly tipo: string; readonly events: number }[]
  }
  const stats = async (headers = own, query = '') =>
    (await intake.send('GET', `/stats${query}`, undefined, headers)).json<Stats>()
  const expected = {
    events: 5,
    byStatus: { distributed: 3, completed: 1, refused: 1, received: 0, dead: 0 },
    lastMinute: 5,
    lastHour: 5,
  }

  test('counts by type and state, before and after the tallies are summed up', async () => {
    const remaining = async () =>
      (await intake.resources.query({ text: 'select 1 from event_tally_changes' })).rowCount ?? 0
    expect(await stats()).toMatchObject(expected)
    await waitUntil('the tallies are summed up', async () => (await remaining()) === 0)
    const after = await stats()
    expect(after).toMatchObject(expected)
    expect(after.byType.map(({ tipo, events }) => [tipo, events])).toEqual([
      ['VENDA', 3],
      ['DEVOLUÇÃO', 1],
      ['ATUALIZAÇÃO_ESTOQUE', 1],
    ])
    expect(await stats(other)).toMatchObject({ events: 1 })
    expect(await stats(admin)).toMatchObject({ events: 6, lastHour: 6 })
    expect(await stats(admin, `?partnerId=${partnerId}`)).toMatchObject(expected)
    expect(await stats(asPartner(newId()))).toMatchObject({ events: 0, lastMinute: 0 })
  })

  test("of another partner are an admin's", async () => {
    const answer = await intake.send('GET', `/stats?partnerId=${newId()}`, undefined, own)
    expect(answer.statusCode).toBe(403)
  })
})
