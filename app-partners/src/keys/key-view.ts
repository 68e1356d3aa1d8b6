import { z } from 'zod'
import type { partnerKeys } from '../schema.ts'

/** A key as it can be shown at any time. */
export const keyView = z
  .object({
    id: z.uuid(),
    label: z.string().nullable(),
    createdAt: z.iso.datetime(),
    revokedAt: z.iso.datetime().nullable(),
  })
  .meta({ id: 'PartnerKey' })

type KeyRow = Pick<typeof partnerKeys.$inferSelect, 'id' | 'label' | 'createdAt' | 'revokedAt'>

export function toKeyView({ id, label, createdAt, revokedAt }: KeyRow): z.infer<typeof keyView> {
  return { id, label, createdAt: createdAt.toISOString(), revokedAt: revokedAt?.toISOString() ?? null }
}
