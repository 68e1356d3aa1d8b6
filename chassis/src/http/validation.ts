import type { FastifySchemaCompiler } from 'fastify'
import type { z } from 'zod'
import { rejections, type RejectedField } from '../rejection.ts'
import { clip } from './hostile-text.ts'
import { refusals } from './problem.ts'

const parts = { body: 'body', querystring: 'query', params: 'path', headers: 'header' } as const
const maxReported = 20

/** Validates a part of the request with its zod schema; the handler gets the schema's output. */
export const compileValidator: FastifySchemaCompiler<z.ZodType> = ({ schema, httpPart = 'body' }) => {
  const part = parts[httpPart as keyof typeof parts]
  return (value: unknown) => {
    // Fastify hands null for a body that is not there.
    const absent = part === 'body' && value === null
    const result = schema.safeParse(absent ? undefined : value)
    if (result.success) return { value: result.data }
    return { error: absent ? refusals.bodyRequired() : rejections.invalid(fieldsOf(result.error, part)) }
  }
}

/** The offending fields of a validation error, as dotted paths (`items.0.quantity`); at most 20. */
export function fieldsOf(error: z.ZodError, part: RejectedField['in']): RejectedField[] {
  return error.issues
    .flatMap(issue => reduce(issue, []))
    .slice(0, maxReported)
    .map(({ path, message }) => ({ in: part, field: clip(path.map(String).join('.')) || part, message }))
}

interface Complaint {
  readonly path: readonly PropertyKey[]
  readonly message: string
}

function reduce(issue: z.core.$ZodIssue, parents: readonly PropertyKey[]): Complaint[] {
  const path = [...parents, ...issue.path]
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map(key => ({ path: [...path, key], message: 'is not a known field' }))
  }
  if (issue.code === 'invalid_union' && issue.errors.length > 0 && !isAboutAll(issue))
    return nearest(issue.errors, path)
  return [{ path, message: issue.message }]
}

/** Whether the union says itself what it wants instead of a value that none of its alternatives begins to understand. */
function isAboutAll({ message, errors }: z.core.$ZodIssueInvalidUnion): boolean {
  return message !== 'Invalid input' && errors.every(issues => issues.every(({ path }) => path.length === 0))
}

// The alternative with the fewest complaints is most likely the one that was meant.
function nearest(alternatives: readonly (readonly z.core.$ZodIssue[])[], path: readonly PropertyKey[]): Complaint[] {
  const reduced = alternatives.map(issues => issues.flatMap(issue => reduce(issue, path)))
  return reduced.reduce((best, next) => (next.length < best.length ? next : best))
}
