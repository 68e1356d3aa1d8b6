import type { z } from 'zod'

/** The fields of a schema's output whose value fits `Value`. */
type FieldsOf<Schema extends z.ZodType, Value> = {
  [Field in keyof z.output<Schema>]: z.output<Schema>[Field] extends Value ? Field : never
}[keyof z.output<Schema>] &
  string

/** The fields of a schema that erasure can empty: those that may be null. */
type NullableFieldsOf<Schema extends z.ZodType> = {
  [Field in keyof z.output<Schema>]: null extends z.output<Schema>[Field] ? Field : never
}[keyof z.output<Schema>] &
  string

/** Whose personal data a message holds, and in which fields. */
export interface PersonalData<Schema extends z.ZodType> {
  /** The field that holds the person's id. */
  readonly subject: keyof z.output<Schema> & string
  /** Set to null when that person is erased, in every database that still holds the message. */
  readonly fields: readonly NullableFieldsOf<Schema>[]
}

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
  /** Absent when the message says nothing about a person. */
  readonly personal?: PersonalData<Schema>
  readonly example: z.input<Schema>
}

/**
 * One message type. Its `type` is the routing key on the exchange and the AMQP `type` property; its `schema` is the JSON
 * body. Publisher, consumers, golden files and documentation all read this one value.
 */
export interface Message<Schema extends z.ZodType = z.ZodType, Type extends string = string> {
  readonly kind: 'event' | 'command'
  readonly type: Type
  readonly owner: string
  readonly summary: string
  readonly aggregate: { readonly type: string; readonly id: string; readonly version?: string }
  readonly schema: Schema
  readonly personal?: { readonly subject: string; readonly fields: readonly string[] } | undefined
  readonly example: z.input<Schema>
}

/** What a publisher must give. */
export type Payload<M extends Message> = z.input<M['schema']>
/** What a consumer receives, after validation. */
export type Data<M extends Message> = z.output<M['schema']>

/** A fact that happened; its owner publishes it, anybody may listen. Named in the past tense: `order.created`. */
export function defineEvent<Schema extends z.ZodType, const Type extends string>(
  type: Type,
  declaration: Declaration<Schema>,
): Message<Schema, Type> {
  return define('event', type, declaration)
}

/** A wish; anybody may publish it, its owner obeys. Named in the imperative: `stock.reserve`. */
export function defineCommand<Schema extends z.ZodType, const Type extends string>(
  type: Type,
  declaration: Declaration<Schema>,
): Message<Schema, Type> {
  return define('command', type, declaration)
}

function define<Schema extends z.ZodType, Type extends string>(
  kind: Message['kind'],
  type: Type,
  { owner, summary, aggregate, schema, personal, example }: Declaration<Schema>,
): Message<Schema, Type> {
  return { kind, type, owner, summary, aggregate, schema, personal, example }
}
