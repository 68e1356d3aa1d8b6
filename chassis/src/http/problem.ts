import { z } from 'zod'
import { currentTrace } from '../telemetry/trace.ts'
import { isConnectionLost } from '../database/database-errors.ts'
import { Rejection } from '../rejection.ts'
import { clip } from './hostile-text.ts'

export const problemMediaType = 'application/problem+json'

/** Every error answer, by RFC 9457; `code` is stable and what clients branch on. */
export const problem = z
  .object({
    type: z.string().describe('identifies the kind of problem; one per service and code'),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string().describe('stable, kebab-case'),
    errors: z
      .array(z.object({ in: z.enum(['body', 'query', 'path', 'header']), field: z.string(), message: z.string() }))
      .optional()
      .describe('the offending fields; `field` is a dotted path'),
    instance: z.string().optional().describe('the path that was asked for'),
    traceId: z.string().optional().describe('quote it when asking for help'),
  })
  .meta({ id: 'Problem' })
export type Problem = z.output<typeof problem>

/** The problem that answers `refusal`; `service` makes its type unique, `instance` is the request's path. */
export function problemOf(refusal: Rejection, service: string, instance?: string): Problem {
  const { status, code, message, fields } = refusal
  const traceId = currentTrace()?.traceId
  return {
    type: `urn:problem-type:${service}:${code}`,
    title: titleOf(code),
    status,
    detail: message,
    code,
    ...(fields.length > 0 ? { errors: [...fields] } : {}),
    ...(instance === undefined ? {} : { instance }),
    ...(traceId === undefined ? {} : { traceId }),
  }
}

/** What a client may know of `error`: itself when it is a {@link Rejection}, else a refusal that gives nothing away. */
export function refusalOf(error: unknown): Rejection {
  if (error instanceof Rejection) return error
  if (isConnectionLost(error)) return refusals.dependencyUnavailable()
  return ofFramework(error) ?? refusals.internal()
}

/** The refusals that HTTP itself gives rise to. */
export const refusals = {
  routeNotFound: (method: string, path: string) =>
    new Rejection('route-not-found', 404, `There is nothing at ${method} ${path}.`),
  methodNotAllowed: (method: string, path: string, allowed: readonly string[]) =>
    new Rejection('method-not-allowed', 405, `${path} does not take ${method}, only ${allowed.join(', ')}.`, {
      headers: { allow: allowed.join(', ') },
    }),
  malformedUrl: () => new Rejection('malformed-url', 400, 'The URL is not properly percent-encoded UTF-8.'),
  urlTooLong: () => new Rejection('url-too-long', 414, 'The URL, or a parameter in its path, is too long.'),
  malformedJson: (where: string) => new Rejection('malformed-json', 400, `The body is not JSON: ${where}.`),
  bodyRequired: () => new Rejection('body-required', 400, 'The request needs a body; send it as application/json.'),
  bodyTooLarge: () => new Rejection('body-too-large', 413, 'The body is larger than this resource takes.'),
  bodyIncomplete: () =>
    new Rejection('malformed-request', 400, 'The body is shorter or longer than its Content-Length says.'),
  unsupportedMediaType: (got?: string) =>
    new Rejection(
      'unsupported-media-type',
      415,
      `The body must be application/json or application/*+json in UTF-8, uncompressed, and say so in Content-Type${got ? `; this one is ${clip(got)}` : ''}.`,
      { headers: { accept: 'application/json, application/*+json' } },
    ),
  dependencyUnavailable: () =>
    new Rejection('dependency-unavailable', 503, 'Something this service needs is away; try again shortly.', {
      headers: { 'retry-after': '1' },
    }),
  internal: () => new Rejection('internal-error', 500, 'Something went wrong here. It was logged under the trace id.'),
}

const ofFastifyCode: Readonly<Record<string, () => Rejection>> = {
  FST_ERR_BAD_URL: refusals.malformedUrl,
  FST_ERR_MAX_PARAM_LENGTH: refusals.urlTooLong,
  FST_ERR_CTP_BODY_TOO_LARGE: refusals.bodyTooLarge,
  FST_ERR_CTP_INVALID_MEDIA_TYPE: refusals.unsupportedMediaType,
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: refusals.bodyIncomplete,
}

// Fastify and its plugins put the status on the error; what they say of a client's mistake is fit to be shown.
function ofFramework(error: unknown): Rejection | undefined {
  if (!(error instanceof Error)) return undefined
  const { code, statusCode } = error as { code?: unknown; statusCode?: unknown }
  if (typeof code === 'string' && Object.hasOwn(ofFastifyCode, code)) return ofFastifyCode[code]?.()
  if (typeof statusCode !== 'number' || statusCode < 400 || statusCode > 499) return undefined
  return new Rejection('request-refused', statusCode, error.message)
}

function titleOf(code: string): string {
  const words = code.replaceAll('-', ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}
