import type { JSONWebKeySet } from 'jose'
import type { Query } from '../service.ts'
import { publicKeysOf } from './key-set.ts'

/** The last good keys of an issuer in `chassis.issuer_keys`, so that a service verifies while the issuer is away. */
export interface KeptKeys {
  read(): Promise<JSONWebKeySet | undefined>
  write(keySet: JSONWebKeySet): Promise<void>
}

/** Keys kept in the service's own database; replicas share them. */
export function createKeptKeys(query: Query, issuer: string): KeptKeys {
  return {
    async read() {
      const text = 'select jwks from chassis.issuer_keys where issuer = $1'
      const { rows } = await query<{ jwks: unknown }>({ text, values: [issuer] })
      const keys = publicKeysOf(rows[0]?.jwks)
      return keys.length > 0 ? { keys } : undefined
    },
    async write(keySet) {
      const text = `insert into chassis.issuer_keys (issuer, jwks, fetched_at) values ($1, $2, now())
                    on conflict (issuer) do update set jwks = excluded.jwks, fetched_at = excluded.fetched_at`
      await query({ text, values: [issuer, JSON.stringify(keySet)] })
    },
  }
}
