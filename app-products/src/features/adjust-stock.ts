import { etagOf, Rejection, sendAnswer, textLine, type Route } from '@feira/chassis'
import { z } from 'zod'
import { revisionOf } from '../domain/product.ts'
import { maxStock, StockBook } from '../domain/stock.ts'
import { productParams as params } from '../product-fields.ts'
import { productView, toView } from '../product-view.ts'
import { lockProduct } from '../product-writing.ts'
import { writeStock } from '../stock-writing.ts'

const adjustmentMessage = `must be a whole number from -${maxStock} to ${maxStock}, and not 0`

const body = z
  .strictObject({
    adjustment: z
      .int(adjustmentMessage)
      .min(-maxStock, adjustmentMessage)
      .max(maxStock, adjustmentMessage)
      .refine(by => by !== 0, adjustmentMessage)
      .describe('pieces that came, or with a minus are gone'),
    reason: textLine(200).describe('for the ledger'),
  })
  .meta({ examples: [{ adjustment: 5, reason: 'delivery of the week' }] })

/** `POST /products/:id/stock` → `stock.changed`. */
export const adjustStock: Route = (app, { transactOnce }) => {
  const schema = { summary: 'Adjust the stock', tags: ['stock'], params, body, response: { 200: productView } }

  app.post(
    '/products/:id/stock',
    { config: { access: ['admin'], conditional: true, idempotent: true }, schema },
    async (request, reply) => {
      const { adjustment, reason } = request.body
      const answer = await transactOnce(request, async tx => {
        const row = await lockProduct(tx, request, request.params.id)
        const book = new StockBook([{ ...row, deleted: false }])
        if (!book.adjust(row.id, adjustment, reason)) throw refusal(row.available, adjustment)
        const [level] = await writeStock(tx, book, new Date())
        const product = { ...row, ...level }
        return { status: 200, headers: { etag: etagOf(revisionOf(product)) }, body: toView(product) }
      })
      return sendAnswer(reply, answer)
    },
  )
}

function refusal(available: number, adjustment: number): Rejection {
  if (adjustment < 0) return new Rejection('insufficient-stock', 409, `There are only ${available} available.`)
  return new Rejection('stock-too-large', 409, `With ${available} available there would be more than ${maxStock}.`)
}
