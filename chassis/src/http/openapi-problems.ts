import type { Access } from './access.ts'
import { problemMediaType } from './problem.ts'

/** What decides which problems an operation may answer with. */
export interface Answering {
  readonly access: Access
  readonly takesInput: boolean
  readonly namesOne: boolean
  readonly takesKey: boolean
  readonly takesMatch: boolean
}

interface Problems {
  readonly name: string
  readonly description: string
  readonly when: (operation: Answering) => boolean
}

const byStatus: Readonly<Record<string, Problems>> = {
  400: {
    name: 'InvalidRequest',
    description: 'The request is not understood (`invalid-request`, `malformed-json`); `errors` names the fields.',
    when: ({ takesInput }) => takesInput,
  },
  401: {
    name: 'Unauthorized',
    description:
      'No access token or key, or one that does not count (`token-missing`, `token-invalid`, `token-expired`, `key-invalid`).',
    when: ({ access }) => access !== 'public',
  },
  403: {
    name: 'Forbidden',
    description: 'The caller has none of the roles (`role-missing`), or a rule forbids it.',
    when: ({ access }) => access !== 'public',
  },
  404: {
    name: 'NotFound',
    description: 'There is no such thing, or it belongs to somebody else (`…-not-found`).',
    when: ({ namesOne }) => namesOne,
  },
  409: {
    name: 'Conflict',
    description:
      'It cannot be done as things are, `code` says why; or the first request with this Idempotency-Key has not finished (`idempotency-in-flight`).',
    when: ({ takesKey }) => takesKey,
  },
  412: {
    name: 'PreconditionFailed',
    description: 'It has changed since; the `ETag` is that of now (`precondition-failed`).',
    when: ({ takesMatch }) => takesMatch,
  },
  422: {
    name: 'Unprocessable',
    description:
      'A rule refuses what is asked, `code` says which; or this Idempotency-Key was used with another body (`idempotency-mismatch`).',
    when: ({ takesKey }) => takesKey,
  },
  default: { name: 'Problem', description: 'A problem, by RFC 9457.', when: () => true },
}

/** The problems that operations share and `paths` refer to, as components of a document. */
export function problemResponses(schema: object, paths: object): Record<string, unknown> {
  const text = JSON.stringify(paths)
  const content = { [problemMediaType]: { schema } }
  return Object.fromEntries(
    Object.values(byStatus)
      .filter(({ name }) => text.includes(JSON.stringify(referenceTo(name))))
      .map(({ name, description }) => [name, { description, content }]),
  )
}

function referenceTo(name: string): string {
  return `#/components/responses/${name}`
}

/** Which of them an operation answers with, by status. */
export function problemsOf(operation: Answering): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(byStatus)
      .filter(([, { when }]) => when(operation))
      .map(([status, { name }]) => [status, { $ref: referenceTo(name) }]),
  )
}
