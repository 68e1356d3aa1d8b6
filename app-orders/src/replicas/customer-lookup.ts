import type { Query } from '@feira/chassis'
import type { Customer } from '../domain/order.ts'

/** What the replica of the users says of one. */
export interface KnownCustomer {
  readonly name: string | null
  readonly email: string | null
  readonly locale: Customer['userLocale']
  readonly status: 'active' | 'blocked'
  readonly deleted: boolean
}

const columns = 'id, name, email, locale, status, deleted_at is not null as deleted'
const byId = { name: 'customer-by-id', text: `select ${columns} from customers where id = $1` }

/** @returns undefined when the replica does not know the user. */
export async function findCustomer(query: Query, id: string): Promise<KnownCustomer | undefined> {
  const { rows } = await query<KnownCustomer & Record<string, unknown>>({ ...byId, values: [id] })
  return rows[0]
}

const maxAge = 2_000
const maxEntries = 10_000

/** Finds a customer. */
export type CustomerLookup = (id: string) => Promise<KnownCustomer | undefined>

/**
 * A {@link findCustomer} that remembers what it found for 2 s, of at most 10,000 users: the hottest write need not ask the
 * database who its caller is. What it says may be as old, and older while the database does not answer; whoever must know
 * better asks the database.
 */
export function createCustomerLookup(query: Query, now: () => number = () => performance.now()): CustomerLookup {
  const entries = new Map<string, { readonly at: number; readonly found: ReturnType<CustomerLookup> }>()
  return id => {
    const entry = entries.get(id)
    if (entry && now() - entry.at < maxAge) return entry.found
    // While the database does not answer, what was known before has to do.
    const found = findCustomer(query, id).catch((error: unknown) => {
      if (entry) return entry.found
      throw error
    })
    entries.delete(id)
    entries.set(id, { at: now(), found })
    found.catch(() => entries.delete(id))
    for (const oldest of entries.keys()) {
      if (entries.size <= maxEntries) break
      entries.delete(oldest)
    }
    return found
  }
}
