import { z } from 'zod'
import type { partners } from '../schema.ts'

/** A partner as it is stored. */
export type PartnerRow = typeof partners.$inferSelect

/** A partner as admins see it; the secret of its webhooks is shown once, elsewhere. */
export const partnerView = z
  .object({
    id: z.uuid(),
    name: z.string().nullable(),
    email: z.string().nullable(),
    status: z.enum(['active', 'blocked']),
    limitPerMinute: z.int().nullable().describe('requests per minute and key; null: the limit of the service'),
    limitPerSecond: z.int().nullable().describe('requests per second and key; null: the limit of the service'),
    webhookUrl: z.string().nullable().describe('where it is told what became of its events'),
    version: z.int(),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .meta({ id: 'Partner' })

export function toView(row: PartnerRow): z.infer<typeof partnerView> {
  const { id, name, email, status, limitPerMinute, limitPerSecond, webhookUrl, version } = row
  return {
    id,
    name,
    email,
    status,
    limitPerMinute,
    limitPerSecond,
    webhookUrl,
    version,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  }
}
