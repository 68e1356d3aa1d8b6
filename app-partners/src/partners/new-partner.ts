import { randomBytes } from 'node:crypto'
import type { PartnerRow } from './partner-view.ts'

export type PartnerFields = {
  readonly [Field in 'name' | 'email' | 'limitPerMinute' | 'limitPerSecond' | 'webhookUrl']?:
    PartnerRow[Field] | undefined
}

/** A partner who has just come, by the id of its user where it has one. */
export function newPartner(id: string, fields: PartnerFields): PartnerRow & { readonly webhookSecret: string } {
  const { name = null, email = null, limitPerMinute = null, limitPerSecond = null, webhookUrl = null } = fields
  const at = new Date()
  return {
    id,
    name,
    email,
    status: 'active',
    limitPerMinute,
    limitPerSecond,
    webhookUrl,
    webhookSecret: newWebhookSecret(),
    version: 1,
    createdAt: at,
    updatedAt: at,
    deletedAt: null,
  }
}

/** A secret to sign webhooks with, of 256 bits, as https://www.standardwebhooks.com writes it. */
export function newWebhookSecret(): string {
  return `whsec_${randomBytes(32).toString('base64')}`
}
