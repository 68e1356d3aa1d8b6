import type { Transaction } from '@feira/chassis'
import { and, eq, isNull } from 'drizzle-orm'
import { partnerKeys } from '../schema.ts'

/** Ends all keys of a partner. */
export async function revokeKeys({ db }: Transaction, partnerId: string): Promise<void> {
  await db
    .update(partnerKeys)
    .set({ revokedAt: new Date() })
    .where(and(eq(partnerKeys.partnerId, partnerId), isNull(partnerKeys.revokedAt)))
}
