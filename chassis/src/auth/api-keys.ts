import type { FastifyRequest } from 'fastify'
import type { Resources } from '../service.ts'
import type { Authenticate } from './authenticate.ts'
import type { Identity } from './caller.ts'
import { tokenRefusals } from './token-refusals.ts'

/** Keys that a service gives out itself, for callers who have no access token: `X-API-Key`. */
export interface ApiKeys<Config = unknown> {
  /** What a caller by key is: routes for one of these roles take keys. */
  readonly roles: readonly string[]
  /**
   * Finds out whose key it is. Asked for every request and never remembered, so that a key counts as long as it says so.
   * @returns undefined when it does not count, answered with 401; a Rejection for any other reason.
   */
  readonly identify: (key: string, request: FastifyRequest, resources: Resources<Config>) => Promise<Identity>
}

/**
 * Looks for a key first. Whoever sends one that does not count is refused, whatever else they send: they did not mean to
 * be somebody else.
 */
export function acceptKeys<Config>(
  { identify }: ApiKeys<Config>,
  resources: Resources<Config>,
  byToken: Authenticate,
): Authenticate {
  return request => {
    const key = request.headers['x-api-key']
    if (key === undefined) return byToken(request)
    return identify(String(key), request, resources).then(identity => identity ?? tokenRefusals.keyInvalid())
  }
}
