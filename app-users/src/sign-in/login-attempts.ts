import { Rejection, type Resources, type Transact, type Transaction } from '@feira/chassis'
import { and, eq, gt, or, sql } from 'drizzle-orm'
import { createHash } from 'node:crypto'
import { emailKey } from '../domain/email.ts'
import { nobody, type User } from '../domain/user.ts'
import { waitFor, window, withFailure, type Attempt } from '../domain/login-limit.ts'
import { isPassword } from './passwords.ts'
import { loginFailures, sessions } from '../schema.ts'

/** Who tries to prove who they are, and from where. */
export interface Attempting {
  /** See {@link accountKey}. */
  readonly account: string
  /** See `addressKey`. */
  readonly address: string
}

/** What failures of a sign-in are counted under: the user, or the hash of a name that is nobody's, so that both are alike. */
export function accountKey(userId: string | undefined, name: string): string {
  return userId ?? createHash('sha256').update(emailKey(name)).digest('base64url')
}

/**
 * Counts an attempt as failed before it is made, so that attempts made at the same time cannot exceed the limit together;
 * {@link forgetFailures} takes it back.
 * @throws Rejection 429 with Retry-After.
 */
async function countAttempt(transact: Transact, attempting: Attempting): Promise<void> {
  await transact(async tx => {
    const { attempt, now } = await lockFailures(tx, attempting)
    const wait = waitFor(attempt, now)
    if (wait > 0) throw tooManyAttempts(Math.ceil(wait / 1_000))
    await storeFailures(tx, attempting, attempt, now)
  })
}

function tooManyAttempts(seconds: number): Rejection {
  const text = `There were too many wrong attempts to sign in. Try again in ${seconds} s.`
  return new Rejection('too-many-attempts', 429, text, { headers: { 'retry-after': String(seconds) } })
}

/** Tries a password, as an attempt that counts. Call it `inTurn`. @throws Rejection 429 with Retry-After. */
export async function tryPassword(
  transact: Transact,
  attempting: Attempting,
  user: User | undefined,
  password: string,
) {
  await countAttempt(transact, attempting)
  return isPassword(user?.passwordHash, password)
}

/** After a right password: the account's failures are forgotten, the address is only given back this attempt. */
export async function forgetFailures(tx: Transaction, { account, address }: Attempting): Promise<void> {
  await lockRows(tx, { account, address })
  const { db } = tx
  await db
    .delete(loginFailures)
    .where(
      and(eq(loginFailures.account, account), or(eq(loginFailures.address, address), eq(loginFailures.address, ''))),
    )
  await db
    .update(loginFailures)
    .set({ count: sql`${loginFailures.count} - 1` })
    .where(and(eq(loginFailures.account, ''), eq(loginFailures.address, address), gt(loginFailures.count, 0)))
}

/** Removes what no longer counts. */
export async function pruneFailures({ query }: Pick<Resources, 'query'>): Promise<void> {
  const text = `delete from login_failures where since < now() - make_interval(secs => $1)`
  await query({ text, values: [window / 1_000] })
}

async function lockFailures(tx: Transaction, attempting: Attempting): Promise<{ attempt: Attempt; now: Date }> {
  const rows = await lockRows(tx, attempting)
  const { rows: clock } = await tx.query<{ now: Date }>({ text: 'select clock_timestamp() as now' })
  const find = (account: string, address: string) => {
    const row = rows.find(each => each.account === account && each.address === address)
    return row && row.count > 0 ? row : undefined
  }
  const { account, address } = attempting
  const attempt = {
    pair: find(account, address),
    address: find('', address),
    account: find(account, ''),
    known: await isKnown(tx, attempting),
  }
  return { attempt, now: clock[0]?.now as Date }
}

// Made or found, each row is locked before the next is looked at, all in one order: whoever comes at the same time waits.
async function lockRows(tx: Transaction, { account, address }: Attempting) {
  const epoch = new Date(0)
  const empty = { count: 0, since: epoch, last: epoch }
  const rows = [
    { account, address, ...empty },
    { account, address: '', ...empty },
    { account: '', address, ...empty },
  ]
  const target = [loginFailures.account, loginFailures.address]
  const set = { count: sql`${loginFailures.count}` }
  return tx.db.insert(loginFailures).values(sorted(rows)).onConflictDoUpdate({ target, set }).returning()
}

async function storeFailures(tx: Transaction, attempting: Attempting, attempt: Attempt, now: Date): Promise<void> {
  const { account, address } = attempting
  const rows = [
    { account, address, ...withFailure(attempt.pair, now) },
    { account, address: '', ...withFailure(attempt.account, now) },
    { account: '', address, ...withFailure(attempt.address, now) },
  ]
  const set = { count: sql`excluded.count`, since: sql`excluded.since`, last: sql`excluded.last` }
  const target = [loginFailures.account, loginFailures.address]
  await tx.db.insert(loginFailures).values(sorted(rows)).onConflictDoUpdate({ target, set })
}

function sorted<Row extends Attempting>(rows: readonly Row[]): Row[] {
  const keyOf = ({ account, address }: Row) => `${account} ${address}`
  return rows.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
}

// For a name that is nobody's this looks just as long, so that time does not tell it from a user's.
async function isKnown(tx: Transaction, { account, address }: Attempting): Promise<boolean> {
  const userId = /^[0-9a-f-]{36}$/.test(account) ? account : nobody
  const rows = await tx.db
    .select({ id: sessions.id })
    .from(sessions)
    .where(and(eq(sessions.userId, userId), eq(sessions.address, address)))
    .limit(1)
  return rows.length > 0
}
