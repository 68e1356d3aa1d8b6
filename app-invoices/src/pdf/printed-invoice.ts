import type { InvoiceStatus } from '../domain/invoice.ts'
import type { InvoiceItem, invoices, Locale } from '../schema.ts'

/** What is printed of an invoice, and nothing else: the same print has the same bytes. */
export interface PrintedInvoice {
  readonly number: string
  readonly orderId: string
  readonly status: InvoiceStatus
  readonly customer: PrintedCustomer
  readonly locale: Locale
  readonly items: readonly Pick<InvoiceItem, 'name' | 'quantity' | 'unitPriceCents'>[]
  readonly totalCents: number
  /** ISO 4217. */
  readonly currency: string
  readonly issuedAt: Date
  readonly paidAt: Date | null
  readonly voidedAt: Date | null
}

/** `removed` after erasure, `unknown` when the order named nobody. */
export type PrintedCustomer = 'removed' | 'unknown' | { readonly name: string | null; readonly email: string | null }

/** Who issues the invoices, and by which calendar. */
export interface Letterhead {
  readonly sellerName: string
  /** Address, registration, telephone: printed below the name. */
  readonly sellerDetails: readonly string[]
  /** IANA name; of all dates. */
  readonly timeZone: string
}

export function toPrinted(invoice: typeof invoices.$inferSelect): PrintedInvoice {
  const { number, orderId, status, locale, items, totalCents, currency, issuedAt, paidAt, voidedAt } = invoice
  return {
    number,
    orderId,
    status,
    customer: printedCustomer(invoice),
    locale: locale ?? 'pt-BR',
    items: items.map(({ name, quantity, unitPriceCents }) => ({ name, quantity, unitPriceCents })),
    totalCents,
    currency,
    issuedAt,
    paidAt,
    voidedAt,
  }
}

type CustomerOf = Pick<typeof invoices.$inferSelect, 'customerName' | 'customerEmail' | 'erasedAt'>

function printedCustomer({ customerName: name, customerEmail: email, erasedAt }: CustomerOf): PrintedCustomer {
  if (name !== null || email !== null) return { name, email }
  return erasedAt === null ? 'unknown' : 'removed'
}
