import { z } from 'zod'

const oneOrMore = z.union([z.string().transform(text => [text]), z.array(z.string())])
const schema = z.object({
  Statement: z.array(
    z.object({
      Effect: z.enum(['Allow', 'Deny']),
      Principal: z.unknown().optional(),
      Action: oneOrMore,
      Resource: oneOrMore.default([]),
      Condition: z.record(z.string(), z.record(z.string(), oneOrMore)).default({}),
    }),
  ),
})

export type Document = z.output<typeof schema>
type Statement = Document['Statement'][number]

/** @throws when the text is no policy. */
export function documentOf(text: string): Document {
  return schema.parse(JSON.parse(text))
}

export interface Question {
  readonly action: string
  readonly resource: string
  readonly context?: Readonly<Record<string, string>>
}

/** Whether policies allow an action, as AWS would judge it; policies that deny are not known here. */
export function allows(documents: readonly Document[], question: Question): boolean {
  return documents.some(({ Statement }) => Statement.some(statement => allowedBy(statement, question)))
}

function allowedBy({ Effect, Action, Resource, Condition }: Statement, question: Question): boolean {
  if (Effect !== 'Allow') throw new Error('a statement denies')
  const { action, resource, context = {} } = question
  return (
    Action.some(pattern => matches(pattern, action)) &&
    Resource.some(pattern => matches(pattern, resource)) &&
    Object.entries(Condition).every(([operator, keys]) =>
      Object.entries(keys).every(([key, values]) => holds(operator, context[key], values)),
    )
  )
}

function holds(operator: string, value: string | undefined, values: readonly string[]): boolean {
  switch (operator) {
    case 'StringEquals':
    case 'Bool':
      return value !== undefined && values.includes(value)
    case 'StringNotEquals':
      return value === undefined || !values.includes(value)
    default:
      throw new Error(`the condition ${operator} is not known here`)
  }
}

function matches(pattern: string, text: string): boolean {
  const parts = pattern.split('*').map(part => RegExp.escape(part))
  return new RegExp(`^${parts.join('.*')}$`).test(text)
}
