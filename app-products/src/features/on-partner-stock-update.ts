import { consumeBatch, type Cause } from '@feira/chassis'
import { partnerStockUpdate } from '@feira/contracts/products'
import { maxStock } from '../domain/stock.ts'
import { adjusted, claimEvents, refused, repeatAnswers, storeAnswers } from '../partner-answers.ts'
import { lockByName } from '../product-names.ts'
import { writeStock } from '../stock-writing.ts'

/**
 * `partner.stock-update` → `stock.adjusted`, and `stock.changed` if that changes anything; or `stock.adjustment-refused`.
 * Once for each event of a partner; of several that come together for one product the youngest counts.
 */
export const onPartnerStockUpdate = consumeBatch(
  'on-partner-stock-update',
  partnerStockUpdate,
  async (messages, tx) => {
    const at = new Date()
    const { fresh, repeated } = await claimEvents(tx, messages)
    const { book, find } = await lockByName(
      tx,
      fresh.map(({ data }) => data.product),
    )
    const causes = new Map<string, Cause>()
    const answers = fresh.map(command => {
      const { eventId, product: name, quantity } = command.data
      const product = find(name)
      if (!product) return refused(command, 'product-unknown', `There is no product ${name.slice(0, 100)}.`, at)
      if (quantity > maxStock) return refused(command, 'stock-too-large', `A stock is at most ${maxStock}.`, at)
      book.set(product.id, quantity, `event ${eventId} of a partner`)
      causes.set(product.id, command)
      return adjusted(command, { ...product, available: quantity }, at)
    })
    await writeStock(tx, book, at, causes)
    await storeAnswers(tx, answers)
    await repeatAnswers(tx, repeated)
  },
)
