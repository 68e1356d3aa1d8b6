import { fieldsOf, Rejection, rejections } from '@feira/chassis'
import { z } from 'zod'
import { strategies, tipoOf } from '../strategies/index.ts'

/** An event as a partner sends it, its type named as this service writes it. */
export interface NewEvent {
  readonly tipo: string
  readonly dados: Readonly<Record<string, unknown>>
  readonly evento_id?: string | undefined
}

const referenceMessage = 'must be 1 to 128 visible characters without blanks around'

const reference = z
  .string(referenceMessage)
  .regex(/^(?!\s)[^\p{Cc}]{1,128}(?<!\s)$/u, referenceMessage)
  .describe('what the partner calls the event; the same again is the same event')

const types = strategies.map(({ tipo, data }) =>
  z.strictObject({ tipo: z.literal(tipo), dados: data, evento_id: reference.optional() }),
)

/** The body of `POST /events`. Case and accents of `tipo` are tolerated. */
export const newEvent: z.ZodType<NewEvent> = z
  .preprocess(withPlainType, z.discriminatedUnion('tipo', types as never, `must be ${known()}`))
  .meta({
    id: 'NewEvent',
    examples: [
      { tipo: 'VENDA', dados: { produto_id: 'CAFE-250', quantidade: 2, valor: 59.8 }, evento_id: 'venda-1' },
      { tipo: 'DEVOLUÇÃO', dados: { venda_id: '01a201ec-3119-72b7-8b20-e053a71fd06a', motivo: 'desistência' } },
      { tipo: 'ATUALIZAÇÃO_ESTOQUE', dados: { produto_id: 'CAFE-250', quantidade: 40 } },
    ],
  })

/** An item of a batch: an event, or why it is none. */
export const batchItem = z.union([newEvent, z.unknown().transform(refusalOf)])

function refusalOf(item: unknown): Rejection {
  const { error } = newEvent.safeParse(item)
  return unknownType(item) ?? rejections.invalid(error ? fieldsOf(error, 'body') : [])
}

function withPlainType(body: unknown): unknown {
  const tipo = typeIn(body)
  return typeof tipo === 'string' ? { ...(body as object), tipo: tipoOf(tipo) ?? tipo } : body
}

function typeIn(body: unknown): unknown {
  return typeof body === 'object' && body !== null && 'tipo' in body ? body.tipo : undefined
}

/** @returns the refusal of a body whose `tipo` is a name that no type has; `undefined` if that is not its fault. */
export function unknownType(body: unknown): Rejection | undefined {
  const tipo = typeIn(body)
  if (typeof tipo !== 'string' || tipoOf(tipo) !== undefined) return undefined
  const message = `is not a type of event; there are ${known()}`
  return new Rejection('event-type-unknown', 400, `tipo: ${message}`, {
    fields: [{ in: 'body', field: 'tipo', message }],
  })
}

function known(): string {
  return new Intl.ListFormat('en', { type: 'disjunction' }).format(strategies.map(({ tipo }) => tipo))
}
