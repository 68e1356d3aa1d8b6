import type { callerOf } from '@feira/chassis'

/** A partner as its requests see it. */
export interface Partner {
  readonly id: string
  readonly name: string | null
  readonly email: string | null
  /** Null: the service's own. */
  readonly limitPerMinute: number | null
  readonly limitPerSecond: number | null
  /** The API key that it called by; absent with an access token. */
  readonly keyId?: string
}

export type Request = Parameters<typeof callerOf>[0]

const partnerKey = Symbol('partner')

interface OfPartner {
  [partnerKey]?: Partner
}

/** Notes on the request whose it is. */
export function notePartner(request: Request, partner: Partner): void {
  ;(request as OfPartner)[partnerKey] = partner
}

/** Whose the request is, if that is known already. */
export function notedPartner(request: Request): Partner | undefined {
  return (request as OfPartner)[partnerKey]
}

/** The partner who calls, on routes for partners that have `limitPartner`; it is neither blocked nor deleted. */
export function partnerOf(request: Request): Partner {
  const partner = notedPartner(request)
  if (!partner) throw new Error(`${request.routeOptions.url} is not for partners, or lacks limitPartner.`)
  return partner
}
