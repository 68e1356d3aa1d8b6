import { Rejection, tokenRefusals } from '@feira/chassis'
import type { PartnerRow } from './partner-view.ts'

/**
 * Blocked partners may do nothing, deleted ones are nobody any more: with a token as with a key.
 * @throws Rejection 403 `partner-blocked`, 401 `token-invalid`
 */
export function requireStanding({ status, deletedAt }: Pick<PartnerRow, 'status' | 'deletedAt'>): void {
  if (deletedAt !== null) throw tokenRefusals.invalid('its partner was deleted')
  if (status === 'blocked') throw partnerBlocked()
}

export function partnerBlocked(): Rejection {
  return new Rejection('partner-blocked', 403, 'This partner is blocked.')
}
