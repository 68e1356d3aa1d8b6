import type { FastifyRequest, RouteOptions } from 'fastify'
import type { Authenticate } from '../auth/authenticate.ts'
import { identify, type Identity } from '../auth/caller.ts'
import { tokenRefusals } from '../auth/token-refusals.ts'
import { Rejection } from '../rejection.ts'
import type { App } from '../service.ts'
import { annotate } from '../telemetry/trace.ts'

/** Who may call a route: everybody, or callers with at least one of these roles. */
export type Access = 'public' | readonly string[]

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may call the route. Every route says so: a service with one that does not will not start. */
    readonly access?: Access
  }
  interface FastifyInstance {
    /** Every route and who may call it, in the order of registration. */
    readonly accessTable: readonly RouteAccess[]
  }
}

export interface RouteAccess {
  readonly method: string
  /** As registered, e.g. `/orders/:id`. */
  readonly url: string
  readonly access: Access
  /** Of the chassis itself and for machines: probes, metrics, documentation. */
  readonly quiet: boolean
}

/**
 * Denies by default: from here on every route needs `config.access`, and what its caller lacks is answered before its
 * body is looked at. On public routes a token is read where there is one, for `optionalCallerOf`.
 * @param keyRoles the roles of callers by API key.
 */
export function requireAccess(app: App, authenticate: Authenticate, keyRoles: readonly string[]): void {
  const table: RouteAccess[] = []
  app.decorate('accessTable', table)
  app.addHook('onRoute', route => {
    const access = declaredAccess(route)
    const quiet = route.config?.quiet === true
    const takesKeys = access !== 'public' && admitsSome(access, keyRoles)
    for (const method of [route.method].flat()) table.push({ method, url: route.url, access, quiet })
    // Machines that ask every few seconds, perhaps while the issuer is away, are not asked who they are.
    if (!(quiet && access === 'public'))
      route.onRequest = [guard(access, authenticate, takesKeys), ...[route.onRequest ?? []].flat()]
  })
}

function declaredAccess({ method, url, config }: RouteOptions): Access {
  const access = config?.access
  if (access === 'public' || (Array.isArray(access) && access.length > 0)) return access
  const missing = "needs config.access: 'public', or the roles that may call it"
  throw new Error(`${[method].flat().join(', ')} ${url} does not say who may call it; it ${missing}.`)
}

function guard(access: Access, authenticate: Authenticate, takesKeys: boolean) {
  const decide = (request: FastifyRequest, identity: Identity): Rejection | undefined => {
    identify(request, identity)
    if (identity !== undefined && !(identity instanceof Rejection)) annotate({ userId: identity.id })
    return access === 'public' ? undefined : refusalOf(identity, access, takesKeys)
  }
  return (request: FastifyRequest, _reply: unknown, done: (error?: Error) => void) => {
    const identity = authenticate(request)
    if (!(identity instanceof Promise)) done(decide(request, identity))
    // An async hook would make every request wait for a turn of the event loop that a cached token does not need.
    // oxlint-disable-next-line promise/no-callback-in-promise
    else identity.then(late => done(decide(request, late)), done)
  }
}

function refusalOf(identity: Identity, access: readonly string[], takesKeys: boolean): Rejection | undefined {
  if (identity === undefined) return tokenRefusals.missing(takesKeys)
  if (identity instanceof Rejection) return identity
  return admitsSome(access, identity.roles) ? undefined : tokenRefusals.roleMissing(access)
}

/** Whether a route with this access is for callers with these roles. */
export function admitsSome(access: readonly string[], roles: readonly string[]): boolean {
  return roles.some(role => access.includes(role))
}
