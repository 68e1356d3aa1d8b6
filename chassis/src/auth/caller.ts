import type { FastifyRequest } from 'fastify'
import { Rejection } from '../rejection.ts'
import { tokenRefusals } from './token-refusals.ts'

/** Who a request speaks for, by its verified access token. */
export interface Caller {
  /** The user's id, a UUID (see `subjectId`). */
  readonly id: string
  readonly roles: readonly string[]
  readonly email?: string | undefined
  readonly name?: string | undefined
  /** Claim `sid`: the sign-in that the token came from. */
  readonly sessionId?: string | undefined
  /** All that the token says. */
  readonly claims: Readonly<Record<string, unknown>>
}

/** What came of a request's credentials: a caller, the reason why they do not count, or nothing where there were none. */
export type Identity = Caller | Rejection | undefined

/** Where a request keeps its {@link Identity}. */
export const identityKey = Symbol('identity')

interface Identified {
  [identityKey]?: Identity
}

/** Notes on the request what came of its credentials. */
export function identify(request: FastifyRequest, identity: Identity): void {
  ;(request as Identified)[identityKey] = identity
}

/**
 * Who signed the request.
 * @throws Rejection 401 where nobody is signed in, and where the token does not count.
 */
export function callerOf(request: FastifyRequest): Caller {
  const caller = optionalCallerOf(request)
  if (caller === undefined) throw tokenRefusals.missing()
  return caller
}

/**
 * Who signed the request, or `undefined` where it carries no token; for public routes that tell a signed-in caller more.
 * @throws Rejection 401 where a token was sent that does not count: whoever meant to sign in must not act as nobody.
 */
export function optionalCallerOf(request: FastifyRequest): Caller | undefined {
  const identity = (request as Identified)[identityKey]
  if (identity instanceof Rejection) throw identity
  return identity
}

/** The caller's id, also where nobody is required to sign in; a token that does not count is no caller. */
export function callerIdOf(request: FastifyRequest): string | undefined {
  const identity = (request as Identified)[identityKey]
  return identity instanceof Rejection ? undefined : identity?.id
}

/** Whether the caller has the role `admin`. */
export function isAdmin(caller: Caller): boolean {
  return caller.roles.includes('admin')
}

/** Whether the caller may see and change what belongs to `ownerId`: an admin, or the owner. Nobody owns `null`. */
export function mayAccess(caller: Caller, ownerId: string | null | undefined): boolean {
  return caller.id === ownerId || isAdmin(caller)
}

/** What a list says to who asks for another's things. */
export interface OwnerFilter {
  /** The query parameter with the owner's id. */
  readonly field: string
  /** Who may ask for what, one sentence. */
  readonly refusal: string
}

/**
 * Whose things a list shows: for an admin those of whom it asks for, or everybody's (undefined); for others their own.
 * @param asked the id in the query, in any case.
 * @throws Rejection 403 where somebody else asks for another's.
 */
export function ownerFilter(
  caller: Caller,
  asked: string | undefined,
  { field, refusal }: OwnerFilter,
): string | undefined {
  if (isAdmin(caller)) return asked
  if (asked === undefined || asked.toLowerCase() === caller.id) return caller.id
  throw new Rejection('role-missing', 403, refusal, { fields: [{ in: 'query', field, message: 'is not you' }] })
}
