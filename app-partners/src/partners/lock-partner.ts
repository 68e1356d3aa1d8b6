import { rejections, requireMatch, type Transaction } from '@feira/chassis'
import { and, eq, isNull } from 'drizzle-orm'
import { partners } from '../schema.ts'
import type { PartnerRow } from './partner-view.ts'

/**
 * Locks a partner until the transaction ends.
 * @throws Rejection 404 when there is none, or not any more; 412 when `If-Match` names another state of it
 */
export async function lockPartner(
  { db }: Transaction,
  request: Parameters<typeof requireMatch>[0],
  id: string,
): Promise<PartnerRow> {
  const isThere = and(eq(partners.id, id), isNull(partners.deletedAt))
  const [row] = await db.select().from(partners).where(isThere).for('update')
  if (!row) throw rejections.notFound('partner', id)
  requireMatch(request, row.version)
  return row
}
