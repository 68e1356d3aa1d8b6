import { newId } from '@feira/chassis'
import { asPartner, asUser } from '@feira/chassis/testing'
import { partnersEvent } from '@feira/contracts/partners'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { admin, aReturn, aSale, aStockUpdate, startIntake, type Answer, type Intake } from '../testing/intake.ts'

let intake: Intake

beforeAll(async () => {
  intake = await startIntake()
})
afterAll(() => intake[Symbol.asyncDispose]())

const idOf = (answer: Answer) => answer.json<{ id: string }>().id
const fieldsOf = (answer: Answer) =>
  answer
    .json<{ errors: { field: string }[] }>()
    .errors.map(({ field }) => field)
    .toSorted()
const messagesOf = async (id: string) =>
  (await intake.published(partnersEvent)).filter(({ eventId }) => eventId === id).length

describe('an event', () => {
  test('is accepted, to be found where the answer says, and led on', async () => {
    const answer = await intake.post({ ...aSale, evento_id: 'pedido 17' })
    expect(answer.statusCode).toBe(202)
    const id = idOf(answer)
    expect(answer.json()).toEqual({ id, status: 'received' })
    expect(answer.headers.location).toBe(`/events/${id}`)
    const { history, ...event } = await intake.becomes(id, 'distributed')
    expect(event).toMatchObject({ id, ...aSale, evento_id: 'pedido 17', attempts: 1, outcome: null, settledAt: null })
    expect(history[0]).toEqual({ status: 'received', detail: null, at: event.receivedAt })
    expect(await messagesOf(id)).toBe(1)
  })

  test.each([
    ['venda', 'VENDA'],
    ['Devolucao', 'DEVOLUÇÃO'],
    ['DEVOLUÇÃO'.normalize('NFD'), 'DEVOLUÇÃO'],
    ['devolução', 'DEVOLUÇÃO'],
    ['ATUALIZACAO_ESTOQUE', 'ATUALIZAÇÃO_ESTOQUE'],
    ['Atualização_estoque', 'ATUALIZAÇÃO_ESTOQUE'],
  ])('of the type %j is a %s', async (tipo, name) => {
    const bodies = [aSale, aReturn(newId()), aStockUpdate]
    const id = await intake.accepted({ ...bodies.find(body => body.tipo === name), tipo })
    expect(await intake.read(id)).toMatchObject({ tipo: name })
  })

  test.each([['VENDAS'], [''], ['__proto__']])(
    'of the type %j is refused, naming the field and the types that there are',
    async tipo => {
      const answer = await intake.post({ ...aSale, tipo })
      expect(answer.statusCode).toBe(400)
      expect(answer.json()).toMatchObject({ code: 'event-type-unknown', errors: [{ in: 'body', field: 'tipo' }] })
      for (const name of ['VENDA', 'DEVOLUÇÃO', 'ATUALIZAÇÃO_ESTOQUE']) expect(answer.body).toContain(name)
    },
  )

  test.each([[undefined], [null], [7], [['VENDA']]])('whose type is %j is refused as any bad field', async tipo => {
    const answer = await intake.post({ ...aSale, tipo })
    expect([answer.statusCode, fieldsOf(answer)]).toEqual([400, ['tipo']])
  })

  test.each([[[]], ['VENDA'], [null], [7]])('that is %j is refused', async body => {
    const headers = { ...asPartner(), 'content-type': 'application/json' }
    const answer = await intake.post(JSON.stringify(body), headers)
    expect(answer.statusCode).toBe(400)
  })
})

const samples = { sale: aSale, return: aReturn(newId()), update: aStockUpdate }
const wrong: readonly (readonly [keyof typeof samples, string, readonly unknown[]])[] = [
  ['sale', 'produto_id', ['', 'with blank', 'é', 'x'.repeat(65), 7, null]],
  ['sale', 'quantidade', [0, -1, 1.5, '2', 10_001, null]],
  ['sale', 'valor', [0, -1, 1.005, '1,00', 'x', '', 10_000_000.01, null, true]],
  ['return', 'venda_id', ['', 'x', 7, null, '01936f3e']],
  ['return', 'motivo', ['', '  ', 'x'.repeat(501), 7, null]],
  ['update', 'produto_id', ['', 'with blank', 'x'.repeat(65), 7, null]],
  ['update', 'quantidade', [-1, 0.5, '40', 1_000_000_001, null]],
]
const cases = wrong.flatMap(([kind, field, values]) =>
  [undefined, ...values].map(value => [kind, field, value] as const),
)

test.each(cases)('a %s whose %s is %j is refused, naming it in dados', async (kind, field, value) => {
  const { tipo, dados } = samples[kind]
  const answer = await intake.post({ tipo, dados: { ...dados, [field]: value } })
  expect(answer.json()).toMatchObject({ status: 400, code: 'invalid-request' })
  expect(fieldsOf(answer)).toEqual([`dados.${field}`])
})

describe('fields', () => {
  test('are all named at once, those that nobody knows too', async () => {
    const answer = await intake.post({ tipo: 'venda', dados: { quantidade: 0, preço: 1 }, evento_id: ' ', other: 1 })
    expect(answer.statusCode).toBe(400)
    const expected = ['dados.preço', 'dados.produto_id', 'dados.quantidade', 'dados.valor', 'evento_id', 'other']
    expect(fieldsOf(answer)).toEqual(expected)
  })

  test.each([[undefined], [null], ['x'], [[]]])('that are missing altogether (%j) are named', async dados => {
    const answer = await intake.post({ tipo: 'VENDA', dados })
    expect([answer.statusCode, fieldsOf(answer)]).toEqual([400, ['dados']])
  })

  test('are kept as they were sent', async () => {
    const dados = { produto_id: 'cafe-250', quantidade: 1, valor: '29.90' }
    expect(await intake.read(await intake.accepted({ tipo: 'VENDA', dados }))).toMatchObject({ dados })
  })
})

describe('the same event again', () => {
  test('answers the same and is processed once, whatever has become of it', async () => {
    const event = { ...aSale, evento_id: newId() }
    const first = await intake.post(event)
    await intake.becomes(idOf(first), 'distributed')
    const again = await intake.post({ evento_id: event.evento_id, dados: event.dados, tipo: 'venda' })
    expect([again.statusCode, again.json()]).toEqual([202, first.json()])
    expect(again.headers.location).toBe(first.headers.location)
    expect(await messagesOf(idOf(first))).toBe(1)
    expect(await intake.history(idOf(first))).toHaveLength(5)
  })

  test.each([
    [aSale, { ...aSale.dados, valor: '59.98' }],
    [
      { ...aSale, dados: { ...aSale.dados, valor: 60 } },
      { ...aSale.dados, valor: '60.00' },
    ],
    [aReturn(newId()), undefined],
  ])('in other words is the same: %j', async (event, otherwise) => {
    const evento_id = newId()
    const id = await intake.accepted({ ...event, evento_id })
    const { venda_id = '', motivo = '' } = event.dados as { venda_id?: string; motivo?: string }
    const dados = otherwise ?? { venda_id: venda_id.toUpperCase(), motivo: ` ${motivo} ` }
    expect(await intake.accepted({ ...event, dados, evento_id })).toBe(id)
  })

  test('with other contents is refused, naming evento_id', async () => {
    const evento_id = newId()
    await intake.accepted({ ...aSale, evento_id })
    for (const other of [aStockUpdate, { ...aSale, dados: { ...aSale.dados, quantidade: 3 } }]) {
      const answer = await intake.post({ ...other, evento_id })
      expect(answer.json()).toMatchObject({ status: 422, code: 'event-mismatch', errors: [{ field: 'evento_id' }] })
    }
  })

  test('of another partner is another event', async () => {
    const event = { ...aSale, evento_id: newId() }
    const ids = [await intake.accepted(event), await intake.accepted(event, asPartner(newId()))]
    expect(new Set(ids).size).toBe(2)
  })

  test('sent many times at once makes one event', async () => {
    const event = { ...aSale, evento_id: newId() }
    const answers = await Promise.all(Array.from({ length: 20 }, () => intake.post(event)))
    expect(new Set(answers.map(({ statusCode }) => statusCode))).toEqual(new Set([202]))
    const [id, ...others] = new Set(answers.map(idOf))
    expect(others).toEqual([])
    expect(await messagesOf(id ?? '')).toBe(1)
  })

  test('sent at once with two contents makes one event of one of them', async () => {
    const evento_id = newId()
    const other = { ...aSale, dados: { ...aSale.dados, quantidade: 3 } }
    const bodies = Array.from({ length: 10 }, (_, index) => ({ ...(index % 2 ? aSale : other), evento_id }))
    const answers = await Promise.all(bodies.map(body => intake.post(body)))
    expect(answers.filter(({ statusCode }) => statusCode === 422)).toHaveLength(5)
    const accepted = answers.filter(({ statusCode }) => statusCode === 202)
    expect(new Set(accepted.map(idOf)).size).toBe(1)
  })

  test('by its Idempotency-Key answers the same, and refuses another body', async () => {
    const headers = { ...asPartner(), 'idempotency-key': newId() }
    const answers = await Promise.all(Array.from({ length: 5 }, () => intake.post(aSale, headers)))
    expect(new Set(answers.map(idOf)).size).toBe(1)
    const other = await intake.post(aStockUpdate, headers)
    expect(other.json()).toMatchObject({ status: 422, code: 'idempotency-mismatch' })
  })
})

test('only partners send events', async () => {
  const nobody = await intake.post(aSale, {})
  expect(nobody.statusCode).toBe(401)
  for (const headers of [asUser(), admin]) expect((await intake.post(aSale, headers)).statusCode).toBe(403)
})
