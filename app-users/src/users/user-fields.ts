import { isAdmin, Rejection, type Caller } from '@feira/chassis'
import { z } from 'zod'
import { normaliseEmail } from '../domain/email.ts'
import { locales, roles, statuses } from '../domain/user.ts'

/** The fields of a user as clients write them. */
export const userFields = {
  name: z
    .string()
    .trim()
    .min(1, 'must not be empty')
    .max(200, 'must have at most 200 characters')
    // They end up in the headers of e-mails and the lines of logs.
    .regex(/^\P{Cc}*$/u, 'must not contain control characters'),
  email: z
    .string()
    .max(254, 'must have at most 254 characters')
    .transform(normaliseEmail)
    .pipe(z.email('must be an e-mail address')),
  locale: z.enum(locales),
  role: z.enum(roles),
  status: z.enum(statuses),
}

/** @throws Rejection 403 when somebody who is no admin sets a role or a status, even one that is theirs already. */
export function requireMayGrant(caller: Caller | undefined, given: { role?: unknown; status?: unknown }): void {
  const fields = (['role', 'status'] as const).filter(field => given[field] !== undefined)
  if (fields.length === 0 || (caller && isAdmin(caller))) return
  throw new Rejection('role-missing', 403, 'Only an admin may set role and status.', {
    fields: fields.map(field => ({ in: 'body', field, message: 'may be set by an admin only' })),
  })
}
