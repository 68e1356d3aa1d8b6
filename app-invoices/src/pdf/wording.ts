import type { InvoiceStatus } from '../domain/invoice.ts'
import type { Locale } from '../schema.ts'

/** The words of a printed invoice. */
export interface Wording {
  readonly invoice: string
  readonly issuedOn: string
  readonly status: string
  readonly statuses: Readonly<Record<InvoiceStatus, string>>
  readonly order: string
  readonly customer: string
  readonly customers: Readonly<Record<'removed' | 'unknown', string>>
  readonly description: string
  readonly quantity: string
  readonly unitPrice: string
  readonly lineTotal: string
  readonly total: string
  readonly paidOn: (date: string) => string
  readonly voidedOn: (date: string) => string
  readonly voidStamp: string
  readonly page: (number: number, count: number) => string
}

const portuguese: Wording = {
  invoice: 'Fatura',
  issuedOn: 'Emitida em',
  status: 'Situação',
  statuses: { issued: 'Em aberto', paid: 'Paga', void: 'Cancelada' },
  order: 'Pedido',
  customer: 'Cliente',
  customers: { removed: 'Cliente removido', unknown: 'Cliente não identificado' },
  description: 'Descrição',
  quantity: 'Qtd.',
  unitPrice: 'Preço unitário',
  lineTotal: 'Valor',
  total: 'Total',
  paidOn: date => `PAGA em ${date}`,
  voidedOn: date => `Cancelada em ${date}`,
  voidStamp: 'CANCELADA',
  page: (number, count) => `Página ${number} de ${count}`,
}

const english: Wording = {
  invoice: 'Invoice',
  issuedOn: 'Issued on',
  status: 'Status',
  statuses: { issued: 'Open', paid: 'Paid', void: 'Void' },
  order: 'Order',
  customer: 'Customer',
  customers: { removed: 'Removed customer', unknown: 'Unidentified customer' },
  description: 'Description',
  quantity: 'Qty',
  unitPrice: 'Unit price',
  lineTotal: 'Amount',
  total: 'Total',
  paidOn: date => `PAID on ${date}`,
  voidedOn: date => `Void since ${date}`,
  voidStamp: 'VOID',
  page: (number, count) => `Page ${number} of ${count}`,
}

export const wordings: Readonly<Record<Locale, Wording>> = { 'pt-BR': portuguese, en: english }

/** How numbers and dates are written in a language. */
export interface Formats {
  money(cents: number): string
  count(number: number): string
  date(moment: Date): string
}

export function formatsOf(locale: Locale, currency: string, timeZone: string): Formats {
  const money = new Intl.NumberFormat(locale, { style: 'currency', currency })
  const count = new Intl.NumberFormat(locale)
  const date = new Intl.DateTimeFormat(locale, { timeZone, dateStyle: 'long' })
  return {
    money: cents => money.format(cents / 100),
    count: number => count.format(number),
    date: moment => date.format(moment),
  }
}
