import type { Received, Transaction } from '@feira/chassis'
import type { userCreated, userSnapshot, userUpdated } from '@feira/contracts/users'

type User = Received<typeof userCreated | typeof userUpdated | typeof userSnapshot>['data']

/**
 * Notes users as messages show them, in any order: only what is newer than what is known counts, and nothing brings a
 * deleted user back.
 */
export async function noteUsers({ query }: Transaction, users: readonly User[]): Promise<void> {
  if (users.length === 0) return
  await query({
    name: 'note-users',
    // Sorted, so that two replicas do not wait for each other in a circle.
    text: `
      insert into customers (id, version, name, email, locale, status)
      select distinct on (id) * from unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::text[], $6::text[])
        as t (id, version, name, email, locale, status) order by id, version desc
      on conflict (id) do update set version = excluded.version, name = excluded.name, email = excluded.email,
        locale = excluded.locale, status = excluded.status
      where customers.deleted_at is null and excluded.version > customers.version`,
    values: [
      users.map(({ userId }) => userId),
      users.map(({ version }) => version),
      users.map(({ name }) => name),
      users.map(({ email }) => email),
      users.map(({ locale }) => locale),
      users.map(({ status }) => status),
    ],
  })
}

/**
 * Leaves only the tombstone of a user, also where nothing was known; from then on nobody orders for them.
 * @returns by which e-mail address the user was known.
 */
export async function forgetUser({ query }: Transaction, userId: string): Promise<string | null> {
  const { rows } = await query<{ email: string | null }>({
    text: 'select email from customers where id = $1 for update',
    values: [userId],
  })
  await query({
    text: `insert into customers (id, version, status, deleted_at) values ($1, 1, 'blocked', now())
           on conflict (id) do update set name = null, email = null, locale = null, status = excluded.status,
             deleted_at = coalesce(customers.deleted_at, excluded.deleted_at)`,
    values: [userId],
  })
  return rows[0]?.email ?? null
}
