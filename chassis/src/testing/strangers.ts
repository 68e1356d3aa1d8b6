import type { InjectOptions } from 'fastify'
import type { RouteAccess } from '../http/access.ts'
import { newId } from '../ids.ts'
import type { RunningService } from '../start-service.ts'
import { asCaller, createSigningKey, testKey } from './tokens.ts'

/** What {@link refuseStrangers} has seen. */
export interface StrangersReport {
  /** Routes that are for some roles, HEAD counted apart. */
  readonly routes: number
  /** Requests sent, one per route and caller; each was refused. */
  readonly attempts: number
  /** Routes of the service that are for everybody, e.g. `GET /products`; sorted. Probes and documentation are left out. */
  readonly publicRoutes: readonly string[]
}

interface Stranger {
  readonly who: string
  readonly headers: Readonly<Record<string, string>>
  readonly status: 401 | 403
}

const knownRoles = ['user', 'admin', 'partner']

/**
 * Calls every route of a service started by `startTestService` as everybody who may not: without a token, with one that
 * does not count, and with each wrong role. Let the test look at the numbers, too: a table without routes refuses everybody.
 * @throws naming each route and caller that was answered otherwise than with 401 or 403.
 */
export async function refuseStrangers({ http }: Pick<RunningService, 'http'>): Promise<StrangersReport> {
  const table = http.accessTable
  const nobodies = strangersWithoutName()
  const roles = new Set([...knownRoles, ...table.flatMap(({ access }) => (access === 'public' ? [] : access))])
  const complaints: string[] = []
  let attempts = 0
  for (const route of table.filter(({ access }) => access !== 'public')) {
    for (const { who, headers, status } of [...nobodies, ...withWrongRole(route, roles)]) {
      attempts++
      const { statusCode } = await http.inject(requestTo(route, headers))
      if (statusCode !== status) complaints.push(`${nameOf(route)}, ${who}: ${statusCode} instead of ${status}`)
    }
  }
  if (complaints.length > 0) throw new Error(`Not all strangers were refused:\n${complaints.join('\n')}`)
  return {
    routes: table.filter(({ access }) => access !== 'public').length,
    attempts,
    publicRoutes: table.filter(isPublic).map(nameOf).toSorted(),
  }
}

function isPublic({ access, quiet, method }: RouteAccess): boolean {
  return access === 'public' && !quiet && method !== 'HEAD'
}

function nameOf({ method, url }: RouteAccess): string {
  return `${method} ${url}`
}

// Malformed on purpose: whoever looks at the body before the caller gives himself away by a 400.
function requestTo({ method, url }: RouteAccess, headers: Stranger['headers']): InjectOptions {
  const path = url.replaceAll(/:\w+(\([^)]*\))?\??/g, () => newId()).replaceAll('*', 'x')
  const bodiless = method === 'GET' || method === 'HEAD'
  const body = bodiless ? {} : { payload: '{', headers: { ...headers, 'content-type': 'application/json' } }
  return { method, url: path, headers, ...body }
}

/** Admin by their own account; none of them is anybody. */
function strangersWithoutName(): Stranger[] {
  const claims = { roles: knownRoles }
  const key = createSigningKey()
  const broken = asCaller(claims).authorization.slice(0, -9)
  return Object.entries({
    'without a token': {},
    'with an expired token': asCaller(claims, { expiresIn: -3_600 }),
    'with a token that is not valid yet': asCaller({ ...claims, nbf: Math.floor(Date.now() / 1_000) + 3_600 }),
    'with a token that never expires': asCaller({ ...claims, exp: undefined }),
    'with a token of another issuer': asCaller({ ...claims, iss: 'https://stranger.test' }),
    'with a token for another audience': asCaller({ ...claims, aud: 'stranger' }),
    'with a token of nobody': asCaller({ ...claims, sub: undefined }),
    'with an unsigned token': asCaller(claims, { alg: 'none' }),
    'with a token signed with the public key as a secret': asCaller(claims, { alg: 'HS256' }),
    'with a token signed by an unknown key': asCaller(claims, { key }),
    'with a token signed by an unknown key under a known name': asCaller(claims, { key, header: { kid: testKey.kid } }),
    'with a token that was cut': { authorization: broken },
    'with garbage': { authorization: 'Bearer garbage' },
    'with another scheme': { authorization: 'Basic YWRtaW46YWRtaW4=' },
    'with a made-up key': { 'x-api-key': 'made-up' },
  }).map(([who, headers]) => ({ who, headers, status: 401 }))
}

function withWrongRole({ access }: RouteAccess, roles: Iterable<string>): Stranger[] {
  const wrong = [...roles].filter(role => !access.includes(role))
  const lists = [[], ...wrong.map(role => [role]), wrong]
  return lists.map(roles => ({ who: `as [${roles.join(', ')}]`, headers: asCaller({ roles }), status: 403 }))
}
