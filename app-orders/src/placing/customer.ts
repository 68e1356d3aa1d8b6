import { isAdmin, Rejection, type Caller } from '@feira/chassis'
import type { Customer } from '../domain/order.ts'
import type { KnownCustomer } from '../replicas/customer-lookup.ts'
import type { NewOrder } from './new-order.ts'

/**
 * Whose order it will be.
 * @throws Rejection 403 when somebody who is no admin orders for another.
 */
export function ownerOf({ userId }: NewOrder, caller: Caller): string {
  if (userId === undefined || userId === caller.id) return caller.id
  if (isAdmin(caller)) return userId
  throw new Rejection('role-missing', 403, 'Only an admin orders for somebody else.', {
    fields: [{ in: 'body', field: 'userId', message: 'is not you' }],
  })
}

/**
 * A customer as an order notes one. Another e-mail address counts only from an admin: nobody shall have letters sent to
 * whom they like.
 * @throws Rejection 422 `user-unknown`, 403 `user-blocked`.
 */
export function customerOf(
  userId: string,
  known: KnownCustomer | undefined,
  caller: Caller,
  { userEmail }: NewOrder,
): Customer {
  if (!known || known.deleted) throw userUnknown(userId)
  if (known.status === 'blocked') throw new Rejection('user-blocked', 403, 'A blocked user cannot place orders.')
  const { name, email, locale } = known
  return { userId, userName: name, userEmail: (isAdmin(caller) ? userEmail : undefined) ?? email, userLocale: locale }
}

/** Whom a token speaks of, as far as it says; it vouches for somebody whom the replica does not know yet. */
export function vouchedFor({ name, email }: Caller): KnownCustomer {
  return { name: name ?? null, email: email ?? null, locale: null, status: 'active', deleted: false }
}

function userUnknown(userId: string): Rejection {
  return new Rejection('user-unknown', 422, `There is no user ${userId}.`, {
    fields: [{ in: 'body', field: 'userId', message: 'is not a known user' }],
  })
}
