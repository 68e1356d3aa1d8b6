import type { Data } from '@feira/contracts'
import type { orderCreated } from '@feira/contracts/orders'

/** Whom an invoice is for, as messages tell it. */
export type Customer = NonNullable<Data<typeof orderCreated>['customer']>

/** A customer as the columns of an invoice hold one; name and e-mail are null when nobody is known. */
export interface CustomerColumns {
  readonly customerName: string | null
  readonly customerEmail: string | null
  readonly locale: Customer['locale']
}

/** @returns null for nobody: neither a name nor an e-mail. */
export function customerOf({ customerName, customerEmail, locale }: CustomerColumns): Customer | null {
  if (customerName === null && customerEmail === null) return null
  return { name: customerName, email: customerEmail, locale }
}

export function columnsOf(customer: Customer | null): CustomerColumns {
  return {
    customerName: customer?.name ?? null,
    customerEmail: customer?.email ?? null,
    locale: customer?.locale ?? null,
  }
}
