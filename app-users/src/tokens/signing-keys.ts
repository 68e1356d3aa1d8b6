import type { Database, Resources, Transaction } from '@feira/chassis'
import { inArray, sql } from 'drizzle-orm'
import { calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose'
import type { Config } from '../config.ts'
import {
  dueKey,
  earlyKey,
  publishedKeys,
  type KeyPolicy,
  type KeyTimes,
  type PublicKey,
} from '../domain/signing-key.ts'
import { seal } from './key-vault.ts'
import { signingKeys } from '../schema.ts'

type Settings = Resources<Config>['config']
export type StoredKey = typeof signingKeys.$inferSelect

/** The keys in the database, and its time: replicas whose clocks differ must agree on which key signs. */
export async function readKeys(db: Database): Promise<{ keys: StoredKey[]; now: Date }> {
  const rows = await db.select({ key: signingKeys, now: sql`now()`.mapWith(signingKeys.createdAt) }).from(signingKeys)
  return { keys: rows.map(({ key }) => key), now: rows[0]?.now ?? new Date() }
}

export function policyOf(config: Settings): KeyPolicy {
  const { AUTH_KEY_LIFETIME: lifetime, AUTH_KEY_NOTICE: notice, ACCESS_TOKEN_LIFETIME: tokenLifetime } = config
  return { lifetime, notice, tokenLifetime }
}

/** Makes the key that is due, if one is, and drops those that nobody needs any more. Replicas take turns. */
export async function tendKeys(tx: Transaction, config: Settings): Promise<void> {
  const { keys, now } = await lockKeys(tx)
  const policy = policyOf(config)
  const due = dueKey(keys, now, policy)
  if (due) await insertKey(tx, due, now, config)
  const needed = new Set(publishedKeys(keys, now, policy).map(({ kid }) => kid))
  const dropped = keys.map(({ kid }) => kid).filter(kid => !needed.has(kid))
  if (dropped.length > 0) await tx.db.delete(signingKeys).where(inArray(signingKeys.kid, dropped))
}

/** Makes the next key before its time, unless one is waiting already. @returns the key that signs next. */
export async function rotateKeys(tx: Transaction, config: Settings): Promise<KeyTimes> {
  const { keys, now } = await lockKeys(tx)
  const signsFrom = earlyKey(keys, now, policyOf(config))
  if (signsFrom) return insertKey(tx, signsFrom, now, config)
  return keys.find(key => key.signsFrom > now) as KeyTimes
}

async function lockKeys(tx: Transaction): Promise<{ keys: StoredKey[]; now: Date }> {
  await tx.db.execute(sql`select pg_advisory_xact_lock(hashtextextended('feira.users.signing-keys', 0))`)
  const { rows } = await tx.query<{ now: Date }>({ text: 'select clock_timestamp() as now' })
  const { keys } = await readKeys(tx.db)
  return { keys, now: rows[0]?.now as Date }
}

async function insertKey(tx: Transaction, signsFrom: Date, now: Date, config: Settings): Promise<StoredKey> {
  const pair = await generateKeyPair('ES256', { extractable: true })
  const { x, y } = (await exportJWK(pair.publicKey)) as { x: string; y: string }
  const publicKey: PublicKey = { kty: 'EC', crv: 'P-256', x, y }
  const kid = await calculateJwkThumbprint(publicKey)
  const privateKey = seal(JSON.stringify(await exportJWK(pair.privateKey)), config.AUTH_KEY_SECRET, kid)
  const key = { kid, publicKey, privateKey, createdAt: now, signsFrom }
  await tx.db.insert(signingKeys).values(key)
  return key
}
