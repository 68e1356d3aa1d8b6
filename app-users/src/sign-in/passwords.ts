import { hash, verify } from '@node-rs/argon2'
import { limitConcurrency } from '@feira/chassis'
import { z } from 'zod'

/** What a new password must look like (NIST SP 800-63B §5.1.1.2: length counts, composition rules do not). */
export const newPassword = z.string().min(8, 'must have at least 8 characters').max(128, 'must have at most 128')

/** What is accepted where a password is tried; development passwords are shorter than new ones may be. */
export const triedPassword = z.string().min(1).max(128)

// OWASP Password Storage Cheat Sheet: Argon2id with 19 MiB, 2 passes, 1 lane. Argon2id is the library's default.
const cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }

/** Of a password that nobody knows, made at the same cost: trying it takes as long as trying a user's. */
export const nobodysHash =
  '$argon2id$v=19$m=19456,t=2,p=1$lPXpNRQxJkLkq2TxVmqbQA$axaFfmkL5GxlnlRdYV0c+U/u0Kv6DfpvIlU3xDAfIqU'

/** @throws Rejection 503 when too many wait already. */
export function hashPassword(password: string): Promise<string> {
  return inTurn(() => hash(normalised(password), cost))
}

/** Whether a password is the one; takes the same time where there is none. Call it {@link inTurn}. */
export async function isPassword(passwordHash: string | null | undefined, password: string): Promise<boolean> {
  const matches = await verify(passwordHash ?? nobodysHash, normalised(password))
  return matches && typeof passwordHash === 'string'
}

// The same characters can be typed as different code points.
function normalised(password: string): string {
  return password.normalize('NFKC')
}

/**
 * Runs work that hashes a password when its turn comes. Each takes a core for some 30 ms and 19 MiB, and the rest of the
 * service needs room beside them; hence one limit for the whole process.
 * @throws Rejection 503 when too many wait already; what `work` throws.
 */
export const inTurn = limitConcurrency(2, 100, 2)
