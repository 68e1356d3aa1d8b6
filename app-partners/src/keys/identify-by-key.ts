import type { ApiKeys, Resources } from '@feira/chassis'
import { notePartner, type Partner } from '../partners/partner-of.ts'
import type { PartnerRow } from '../partners/partner-view.ts'
import { partnerBlocked } from '../partners/standing.ts'
import { keyIdIn, matches } from './api-key.ts'

/** `X-API-Key`: one look by the key's id, at every request, so that a revoked key is worth nothing at once. */
export const partnerKeys: ApiKeys = {
  roles: ['partner'],
  async identify(text, request, { query }) {
    const keyId = keyIdIn(text)
    const row = keyId === undefined ? undefined : await find(query, keyId)
    if (!row || !matches(text, row.hash)) return undefined
    if (row.status === 'blocked') return partnerBlocked()
    const { hash: _, status: __, ...partner } = row
    notePartner(request, partner)
    const { id, name, email } = partner
    return { id, roles: ['partner'], name: name ?? undefined, email: email ?? undefined, claims: {} }
  },
}

type KeyHolder = Partner & Pick<PartnerRow, 'status'> & { readonly hash: string }

async function find(query: Resources['query'], keyId: string): Promise<KeyHolder | undefined> {
  const { rows } = await query<KeyHolder & Record<string, unknown>>({
    name: 'partner-by-key',
    text: `select k.id as "keyId", k.hash, p.id, p.name, p.email, p.status,
             p.limit_per_minute as "limitPerMinute", p.limit_per_second as "limitPerSecond"
           from partner_keys k join partners p on p.id = k.partner_id
           where k.id = $1 and k.revoked_at is null and p.deleted_at is null`,
    values: [keyId],
  })
  return rows[0]
}
