import { paginate } from './paginate.ts'
import { printable } from './printable-text.ts'
import type { Letterhead, PrintedInvoice } from './printed-invoice.ts'
import { formatsOf, wordings, type Wording } from './wording.ts'
import { wrap, type Measure } from './wrap.ts'

/** A4 and what is where on it, in points from the top left. */
export const sheet = {
  width: 595.28,
  height: 841.89,
  left: 50,
  right: 545,
  top: 50,
  bottom: 780,
  footer: 800,
  tableHead: 24,
  line: 12,
  rowPadding: 8,
  /** Left of the first column, right of the others. */
  columns: { description: 50, quantity: 350, unitPrice: 445, lineTotal: 545 },
  descriptionWidth: 250,
  fontSize: 9,
} as const

/** A row of the table, ready to be drawn. */
export interface Row {
  readonly description: readonly string[]
  readonly quantity: string
  readonly unitPrice: string
  readonly lineTotal: string
}

/** An invoice as lines of text in their places. */
export interface Layout {
  readonly wording: Wording
  readonly title: string
  readonly seller: readonly string[]
  readonly facts: readonly (readonly [label: string, value: string])[]
  readonly customer: readonly string[]
  readonly total: string
  readonly paidNote: string | undefined
  readonly voidStamp: string | undefined
  /** The top of the table on the first page. */
  readonly tableTop: number
  readonly pages: readonly { readonly rows: readonly Row[]; readonly hasTotal: boolean }[]
}

const totalHeight = 60

/** Places an invoice on pages. @param measure the width of a text in the font of the table. */
export function layOut(invoice: PrintedInvoice, letterhead: Letterhead, measure: Measure): Layout {
  const wording = wordings[invoice.locale]
  const { date, money } = formatsOf(invoice.locale, invoice.currency, letterhead.timeZone)
  const seller = [letterhead.sellerName, ...letterhead.sellerDetails].slice(0, 7).map(line => fit(line, 240, measure))
  const customer = customerLines(invoice, wording, measure)
  const rows = rowsOf(invoice, letterhead, measure)
  const tableTop = 130 + Math.max(seller.length * 13, 5 * 15) + customer.length * 13
  return {
    wording,
    title: `${wording.invoice} ${invoice.number}`,
    seller,
    facts: [
      [wording.issuedOn, date(invoice.issuedAt)],
      [wording.status, statusOf(invoice, wording, date)],
      [wording.order, invoice.orderId],
    ],
    customer,
    total: money(invoice.totalCents),
    paidNote: invoice.status === 'paid' && invoice.paidAt ? wording.paidOn(date(invoice.paidAt)) : undefined,
    voidStamp: invoice.status === 'void' ? wording.voidStamp : undefined,
    tableTop,
    pages: pagesOf(rows, tableTop),
  }
}

function statusOf({ status, voidedAt }: PrintedInvoice, wording: Wording, date: (moment: Date) => string): string {
  return status === 'void' && voidedAt !== null ? wording.voidedOn(date(voidedAt)) : wording.statuses[status]
}

function pagesOf(rows: readonly Row[], tableTop: number): Layout['pages'] {
  const heights = [...rows.map(rowHeight), totalHeight]
  const room = {
    firstPage: sheet.bottom - tableTop - sheet.tableHead,
    otherPages: sheet.bottom - sheet.top - sheet.tableHead,
  }
  return paginate(heights, room).map(page => ({
    rows: page.filter(row => row < rows.length).map(row => rows[row] as Row),
    hasTotal: page.includes(rows.length),
  }))
}

export function rowHeight({ description }: Row): number {
  return description.length * sheet.line + sheet.rowPadding
}

function rowsOf(invoice: PrintedInvoice, { timeZone }: Letterhead, measure: Measure): Row[] {
  const { money, count } = formatsOf(invoice.locale, invoice.currency, timeZone)
  // An order of an amount alone has no lines; the invoice shows it as one.
  const { order } = wordings[invoice.locale]
  const whole = { name: order, quantity: 1, unitPriceCents: invoice.totalCents }
  const items = invoice.items.length > 0 ? invoice.items : [whole]
  return items.map(({ name, quantity, unitPriceCents }) => ({
    description: wrap(printable(name, 360) || '–', sheet.descriptionWidth, 8, measure),
    quantity: count(quantity),
    unitPrice: money(unitPriceCents),
    lineTotal: money(quantity * unitPriceCents),
  }))
}

function customerLines({ customer }: PrintedInvoice, { customers }: Wording, measure: Measure): string[] {
  if (typeof customer === 'string') return [customers[customer]]
  const lines = [customer.name, customer.email].filter(line => line !== null)
  return lines.flatMap(line => wrap(printable(line, 254), sheet.right - sheet.left, 3, measure))
}

function fit(line: string, width: number, measure: Measure): string {
  return wrap(printable(line, 100), width, 1, measure)[0] ?? ''
}
