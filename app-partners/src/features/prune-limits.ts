import { every } from '@feira/chassis'
import { lt } from 'drizzle-orm'
import { rateLimits } from '../schema.ts'

/** Counts of minutes and seconds that are over. */
export const pruneLimits = every('prune-limits', '5m', async ({ db }) => {
  await db.delete(rateLimits).where(lt(rateLimits.expire, Date.now()))
})
