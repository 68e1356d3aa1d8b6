import { newId, type Resources, type Transaction } from '@feira/chassis'
import { and, eq, isNull } from 'drizzle-orm'
import { createHash, randomBytes } from 'node:crypto'
import type { Config } from '../config.ts'
import type { User } from '../domain/user.ts'
import { refreshTokens, sessions, users } from '../schema.ts'
import type { SignIn } from '../tokens/access-tokens.ts'

type Settings = Resources<Config>['config']

export interface SigningIn {
  readonly user: User
  /** See `addressKey`. */
  readonly address: string
}

/** Begins a family of refresh tokens. */
export async function startSession(tx: Transaction, { user, address }: SigningIn, config: Settings): Promise<SignIn> {
  const id = newId()
  const now = new Date()
  const expiresAt = new Date(now.getTime() + config.REFRESH_TOKEN_LIFETIME)
  await tx.db.insert(sessions).values({ id, userId: user.id, address, createdAt: now, expiresAt })
  return { user, sessionId: id, refreshToken: await addToken(tx, id, expiresAt) }
}

/** What came of a refresh token. `reused`: its session is revoked, because one of two who hold it has no right to it. */
export type Refreshed = SignIn | 'invalid' | 'reused'

/**
 * Spends a refresh token and gives the next of its family (RFC 9700 §4.14.2). Of two who come with the same token at the
 * same time one is told `reused`: there is no telling a double click from a thief, so both must sign in again.
 */
export async function rotateToken(tx: Transaction, token: string, config: Settings): Promise<Refreshed> {
  const [found] = await tx.db
    .select({ token: refreshTokens, session: sessions, user: users })
    .from(refreshTokens)
    .innerJoin(sessions, eq(sessions.id, refreshTokens.sessionId))
    .innerJoin(users, eq(users.id, sessions.userId))
    .where(eq(refreshTokens.hash, hashOf(token)))
    // The user is read without a lock: whoever blocks a user revokes the session afterwards, and waits for this.
    .for('update', { of: [refreshTokens, sessions] })
  if (!found) return 'invalid'
  const { session, user } = found
  const now = new Date()
  if (found.token.spentAt) {
    await revokeSession(tx, session.id, session.userId)
    return 'reused'
  }
  if (session.revokedAt || found.token.expiresAt <= now || user.status !== 'active') return 'invalid'
  const expiresAt = new Date(now.getTime() + config.REFRESH_TOKEN_LIFETIME)
  await tx.db.update(refreshTokens).set({ spentAt: now }).where(eq(refreshTokens.hash, found.token.hash))
  await tx.db.update(sessions).set({ expiresAt }).where(eq(sessions.id, session.id))
  return { user, sessionId: session.id, refreshToken: await addToken(tx, session.id, expiresAt) }
}

/** Ends one session, if it is this user's. */
export async function revokeSession(tx: Transaction, id: string, userId: string): Promise<void> {
  await tx.db
    .update(sessions)
    .set({ revokedAt: new Date() })
    .where(and(eq(sessions.id, id), eq(sessions.userId, userId), isNull(sessions.revokedAt)))
}

/** Ends all sessions of a user. */
export async function revokeSessions(tx: Transaction, userId: string): Promise<void> {
  await tx.db
    .update(sessions)
    .set({ revokedAt: new Date() })
    .where(and(eq(sessions.userId, userId), isNull(sessions.revokedAt)))
}

/** Removes what has expired. */
export async function pruneSessions({ query }: Pick<Resources, 'query'>): Promise<void> {
  await query({ text: 'delete from refresh_tokens where expires_at < now()' })
  await query({ text: 'delete from sessions where expires_at < now()' })
}

async function addToken(tx: Transaction, sessionId: string, expiresAt: Date): Promise<string> {
  const token = randomBytes(32).toString('base64url')
  await tx.db.insert(refreshTokens).values({ hash: hashOf(token), sessionId, expiresAt })
  return token
}

// A plain hash will do: 256 random bits cannot be guessed, so slowness would protect nothing.
function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('base64url')
}
