import type { z } from 'zod'

/** The fields of a schema's output whose value fits `Value`. */
type FieldsOf<Schema extends z.ZodType, Value> = {
  [Field in keyof z.output<Schema>]: z.output<Schema>[Field] extends Value ? Field : never
}[keyof z.output<Schema>] &
  string

/** Which aggregate a message speaks of: its type, and the payload fields that hold its id and its version. */
export interface AggregateOf<Schema extends z.ZodType> {
  /** Singular noun, e.g. `order`. */
  readonly type: string
  readonly id: FieldsOf<Schema, string>
  /** Grows by one with every change of the aggregate; readers drop what is older than what they hold. */
  readonly version?: FieldsOf<Schema, number>
}

export interface Declaration<Schema extends z.ZodType> {
  /** The service that publishes the event, or that obeys the command. */
  readonly owner: string
  readonly summary: string
  readonly aggregate: AggregateOf<Schema>
  readonly schema: Schema
  readonly example: z.input<Schema>
}

/**
 * One message type. Its `type` is the routing key on the exchange and the AMQP `type` property; its `schema` is the JSON
 * body. Publisher, consumers, golden files and documentation all read this one value.
 */
export interface Message<Schema extends z.ZodType = z.ZodType> {
  readonly kind: 'event' | 'command'
  readonly type: string
  readonly owner: string
  readonly summary: string
  readonly aggregate: { readonly type: string; readonly id: string; readonly version?: string }
  readonly schema: Schema
  readonly example: z.input<Schema>
}

/** What a publisher must give. */
export type Payload<M extends Message> = z.input<M['schema']>
/** What a consumer receives, after validation. */
export type Data<M extends Message> = z.output<M['schema']>

/** A fact that happened; its owner publishes it, anybody may listen. Named in the past tense: `order.created`. */
export function defineEvent<Schema extends z.ZodType>(type: string, declaration: Declaration<Schema>): Message<Schema> {
  return define('event', type, declaration)
}

/** A wish; anybody may publish it, its owner obeys. Named in the imperative: `stock.reserve`. */
export function defineCommand<Schema extends z.ZodType>(
  type: string,
  declaration: Declaration<Schema>,
): Message<Schema> {
  return define('command', type, declaration)
}

function define<Schema extends z.ZodType>(
  kind: Message['kind'],
  type: string,
  { owner, summary, aggregate, schema, example }: Declaration<Schema>,
): Message<Schema> {
  return { kind, type, owner, summary, aggregate, schema, example }
}
