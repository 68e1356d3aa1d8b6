/**
 * An expected refusal: the request or message was understood and may not happen. HTTP answers with its status and code as
 * `application/problem+json`; a consumer parks the message at once, because trying again cannot help.
 */
export class Rejection extends Error {
  /** Stable, kebab-case, part of the public interface: clients branch on it. */
  readonly code: string
  readonly status: number
  readonly fields: readonly RejectedField[]
  readonly headers: Readonly<Record<string, string>>

  constructor(code: string, status: number, message: string, details: RejectionDetails = {}) {
    super(message)
    this.name = 'Rejection'
    this.code = code
    this.status = status
    this.fields = details.fields ?? []
    this.headers = details.headers ?? {}
  }
}

export interface RejectionDetails {
  readonly fields?: readonly RejectedField[]
  readonly headers?: Readonly<Record<string, string>>
}

/** One offending field: `in` says which part of the request, `field` is a dotted path inside it. */
export interface RejectedField {
  readonly in: 'body' | 'query' | 'path' | 'header'
  readonly field: string
  readonly message: string
}

/** The refusals that every service shares. Those of one domain belong to that service. */
export const rejections = {
  notFound: (what: string, id: string) => new Rejection(`${what}-not-found`, 404, `There is no ${what} ${id}.`),
  invalid: (fields: readonly RejectedField[]) =>
    new Rejection('invalid-request', 400, fields.map(({ field, message }) => `${field}: ${message}`).join('; '), {
      fields,
    }),
  preconditionFailed: (current: string) =>
    new Rejection('precondition-failed', 412, `The resource has changed; its ETag is now ${current}.`, {
      headers: { etag: current },
    }),
  overloaded: (seconds = 1) =>
    new Rejection('overloaded', 503, 'The service is busy; try again shortly.', {
      headers: { 'retry-after': String(seconds) },
    }),
  idempotencyInFlight: () =>
    new Rejection('idempotency-in-flight', 409, 'The first request with this Idempotency-Key has not finished yet.', {
      headers: { 'retry-after': '1' },
    }),
  idempotencyMismatch: () =>
    new Rejection('idempotency-mismatch', 422, 'This Idempotency-Key was used before with another body.', {
      fields: [{ in: 'header', field: 'idempotency-key', message: 'was used with another body' }],
    }),
}
