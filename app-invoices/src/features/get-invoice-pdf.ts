import { createHash } from 'node:crypto'
import {
  callerOf,
  isUnchanged,
  limitConcurrency,
  mayAccess,
  rejections,
  type Resources,
  type Route,
} from '@feira/chassis'
import { eq } from 'drizzle-orm'
import { z } from 'zod'
import type { Config } from '../config.ts'
import { toPrinted, type Letterhead, type PrintedInvoice } from '../pdf/printed-invoice.ts'
import { design, renderInvoice } from '../pdf/render-invoice.ts'
import { invoices } from '../schema.ts'

/** `GET /invoices/:id/pdf` */
export const getInvoicePdf: Route<Config> = (app, { db, config }) => {
  const letterhead = letterheadOf(config)
  // Rendering is the one thing here that keeps the processor busy: many at once must not slow the consumers down.
  const limited = limitConcurrency(2, 50)
  const params = z.object({ id: z.uuid() })
  const schema = {
    summary: 'Read one invoice as PDF',
    description: 'Answers `application/pdf`: the invoice to be printed, in the language of its customer.',
    tags: ['invoices'],
    params,
    response: { 200: z.instanceof(Buffer).meta({ contentMediaType: 'application/pdf' }), 304: z.void() },
  }

  app.get(
    '/invoices/:id/pdf',
    { config: { access: ['user', 'admin'], conditional: true }, schema },
    async (request, reply) => {
      const { id } = request.params
      const [invoice] = await db.select().from(invoices).where(eq(invoices.id, id))
      if (!invoice || !mayAccess(callerOf(request), invoice.userId)) throw rejections.notFound('invoice', id)
      const printed = toPrinted(invoice)
      // Not the invoice's version: erasure changes what is printed, and so do the letterhead and a new design.
      if (isUnchanged(request, reply, fingerprint(printed, letterhead))) return reply.send()
      const pdf = await limited(() => renderInvoice(printed, letterhead))
      const disposition = `inline; filename="invoice-${invoice.number}.pdf"`
      return reply.header('content-type', 'application/pdf').header('content-disposition', disposition).send(pdf)
    },
  )
}

function letterheadOf({ INVOICE_SELLER_NAME, INVOICE_SELLER_DETAILS, INVOICE_TIMEZONE }: Resources<Config>['config']) {
  const letterhead: Letterhead = {
    sellerName: INVOICE_SELLER_NAME,
    sellerDetails: INVOICE_SELLER_DETAILS,
    timeZone: INVOICE_TIMEZONE,
  }
  return letterhead
}

function fingerprint(invoice: PrintedInvoice, letterhead: Letterhead): string {
  const content = JSON.stringify([design, invoice, letterhead])
  return createHash('sha256').update(content).digest('base64url').slice(0, 22)
}
