import { newId } from '@feira/chassis'
import { asPartner } from '@feira/chassis/testing'
import { partnersEvent } from '@feira/contracts/partners'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { aSale, aStockUpdate, startIntake, type Intake } from '../testing/intake.ts'

let intake: Intake

beforeAll(async () => {
  intake = await startIntake()
})
afterAll(() => intake[Symbol.asyncDispose]())

interface Result {
  readonly index: number
  readonly status: 'accepted' | 'duplicate' | 'invalid'
  readonly id?: string
  readonly error?: { readonly code: string; readonly fields: readonly { readonly field: string }[] }
}

const send = (items: unknown, headers?: Record<string, string>) => intake.send('POST', '/batch', items, headers)
const resultsOf = (answer: Awaited<ReturnType<typeof send>>) => answer.json<{ items: Result[] }>().items
const times = <Item>(count: number, item: (index: number) => Item) => Array.from({ length: count }, (_, at) => item(at))

test('of 500 events with 3 bad ones, 497 are accepted and led on, and each bad one says why', async () => {
  const batch: unknown[] = times(500, () => aSale)
  batch[7] = { ...aSale, dados: { ...aSale.dados, quantidade: 0 } }
  batch[250] = { ...aSale, tipo: 'COMPRA' }
  batch[499] = 'VENDA'
  const partner = newId()
  const answer = await send(batch, asPartner(partner))
  expect(answer.statusCode).toBe(202)
  expect(answer.json()).toMatchObject({ accepted: 497, duplicates: 0, invalid: 3 })
  const results = resultsOf(answer)
  expect(results.map(({ index }) => index)).toEqual(times(500, index => index))
  const bad = results.filter(({ status }) => status !== 'accepted')
  expect(bad).toMatchObject([
    { index: 7, status: 'invalid', error: { code: 'invalid-request', fields: [{ field: 'dados.quantidade' }] } },
    { index: 250, status: 'invalid', error: { code: 'event-type-unknown', fields: [{ field: 'tipo' }] } },
    { index: 499, status: 'invalid', error: { code: 'invalid-request' } },
  ])
  const ids = results.flatMap(({ id }) => id ?? [])
  expect(new Set(ids).size).toBe(497)
  const begun = (await intake.published(partnersEvent)).filter(({ partnerId }) => partnerId === partner)
  expect(begun.map(({ eventId }) => eventId).toSorted()).toEqual(ids.toSorted())
})

test('a batch that is all wrong is not answered at more length than it had', async () => {
  const nonsense = Object.fromEntries(times(20, field => [`campo${field}`.repeat(5), 'x'.repeat(25)]))
  const batch = JSON.stringify(times(500, () => ({ tipo: 'VENDA', dados: nonsense })))
  const answer = await send(batch, { ...asPartner(), 'content-type': 'application/json' })
  expect(answer.json()).toMatchObject({ invalid: 500 })
  expect(answer.body.length).toBeLessThan(batch.length)
  const [first] = resultsOf(answer)
  const named = first?.error?.fields.map(({ field }) => field)
  expect(named).toHaveLength(5)
  expect(named).toEqual(expect.arrayContaining(['dados.produto_id', 'dados.quantidade', 'dados.valor']))
})

test('the documentation says what a batch holds', async () => {
  const { paths } = (await intake.http.inject('/docs/json')).json()
  const { schema } = paths['/events/batch'].post.requestBody.content['application/json']
  expect(schema).toMatchObject({ maxItems: 500, items: { $ref: '#/components/schemas/NewEvent' } })
})

test('500 events with long fields are not too large', async () => {
  const answer = await send(
    times(500, () => ({ tipo: 'DEVOLUÇÃO', dados: { venda_id: newId(), motivo: 'x'.repeat(500) } })),
  )
  expect(answer.json()).toMatchObject({ accepted: 500 })
})

test('501 events are refused, all of them', async () => {
  const partner = newId()
  const answer = await send(
    times(501, () => aSale),
    asPartner(partner),
  )
  expect(answer.json()).toMatchObject({ status: 400, code: 'batch-too-large' })
  expect((await intake.send('GET', '', undefined, asPartner(partner))).json()).toMatchObject({ items: [] })
})

test('a batch is counted before its items are looked at, so the longest costs hardly more than a body that is none', async () => {
  const headers = { ...asPartner(), 'content-type': 'application/json' }
  const body = `[${times(200_000, () => '{}').join(',')}]`
  const timed = async (path: string, code: string) => {
    const started = performance.now()
    expect((await intake.send('POST', path, body, headers)).json()).toMatchObject({ status: 400, code })
    return performance.now() - started
  }
  const costs: { readonly batch: number; readonly none: number }[] = []
  for (let round = 0; round < 3; round++)
    costs.push({ batch: await timed('/batch', 'batch-too-large'), none: await timed('', 'invalid-request') })
  const ratio = Math.min(...costs.map(({ batch }) => batch)) / Math.min(...costs.map(({ none }) => none))
  expect(ratio).toBeLessThan(8)
})

test.each([[[]], [{ eventos: [aSale] }], [null], ['x']])('%j is no batch', async body => {
  const headers = { ...asPartner(), 'content-type': 'application/json' }
  expect((await send(JSON.stringify(body), headers)).json()).toMatchObject({ status: 400 })
})

test('what was sent before, alone or in the same batch, is a duplicate; what says something else is invalid', async () => {
  const [known, twice] = [newId(), newId()]
  const id = await intake.accepted({ ...aSale, evento_id: known })
  const batch = [
    { ...aSale, evento_id: known },
    { ...aStockUpdate, evento_id: known },
    { ...aSale, evento_id: twice },
    { ...aSale, evento_id: twice },
    { ...aStockUpdate, evento_id: twice },
  ]
  const results = resultsOf(await send(batch))
  const first = results[2]?.id
  expect(results).toMatchObject([
    { status: 'duplicate', id },
    { status: 'invalid', error: { code: 'event-mismatch', fields: [{ field: 'evento_id' }] } },
    { status: 'accepted' },
    { status: 'duplicate', id: first },
    { status: 'invalid', error: { code: 'event-mismatch' } },
  ])
  expect(resultsOf(await send(batch)).map(({ status, id: again }) => [status, again])).toEqual([
    ['duplicate', id],
    ['invalid', undefined],
    ['duplicate', first],
    ['duplicate', first],
    ['invalid', undefined],
  ])
})

test('the same batch many times at once, in any order, takes each event once', async () => {
  const partner = newId()
  const batch = times(50, () => ({ ...aSale, evento_id: newId() }))
  const answers = await Promise.all(times(8, turn => send(turn % 2 ? batch : batch.toReversed(), asPartner(partner))))
  const results = answers.flatMap(resultsOf)
  expect(results.filter(({ status }) => status === 'accepted')).toHaveLength(50)
  expect(results.filter(({ status }) => status === 'duplicate')).toHaveLength(350)
  expect(new Set(results.map(({ id }) => id)).size).toBe(50)
})

test('a batch with an Idempotency-Key is taken once', async () => {
  const headers = { ...asPartner(newId()), 'idempotency-key': newId() }
  const answers = [await send([aSale, aSale], headers), await send([aSale, aSale], headers)]
  expect(answers[0]?.json()).toMatchObject({ accepted: 2 })
  expect(answers[1]?.body).toBe(answers[0]?.body)
})
