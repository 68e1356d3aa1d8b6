import { callerOf, mayAccess, rejections, versioned, type Route } from '@feira/chassis'
import { eq, sql } from 'drizzle-orm'
import { z } from 'zod'
import { invoiceView, toView } from '../invoice-view.ts'
import { invoices } from '../schema.ts'

/** `GET /invoices/:id`; what belongs to somebody else is not there. */
export const getInvoice: Route = (app, { db }) => {
  const byId = db
    .select()
    .from(invoices)
    .where(eq(invoices.id, sql.placeholder('id')))
    .prepare('invoice-by-id')
  const params = z.object({ id: z.uuid() })
  const schema = { summary: 'Read one invoice', tags: ['invoices'], params, response: { 200: invoiceView } }

  app.get(
    '/invoices/:id',
    { config: { access: ['user', 'admin'], conditional: true }, schema },
    async (request, reply) => {
      const { id } = request.params
      const [invoice] = await byId.execute({ id })
      if (!invoice || !mayAccess(callerOf(request), invoice.userId)) throw rejections.notFound('invoice', id)
      return versioned(request, reply, invoice.version, toView(invoice))
    },
  )
}
