import { consumeBatch, type Cause, type Transaction } from '@feira/chassis'
import { partnerStockUpdate } from '@feira/contracts/products'
import { maxStock } from '../domain/stock.ts'
import { adjusted, claimEvents, eventOf, refused, repeatAnswers, storeAnswers } from '../partner-answers.ts'
import { lockByName } from '../product-names.ts'
import { writeStock } from '../stock-writing.ts'

/**
 * `partner.stock-update` → `stock.adjusted`, and `stock.changed` if that changes anything; or `stock.adjustment-refused`.
 * Once for each event of a partner. Of several for one product the youngest counts, in whatever order they come: an older
 * one is answered as if it had come in time.
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
    const setBy = new Map<string, string>()
    const answers = fresh.map(command => {
      const { product: name, quantity } = command.data
      const eventId = eventOf(command)
      const product = find(name)
      if (!product) return refused(command, 'product-unknown', `There is no product ${name.slice(0, 100)}.`, at)
      if (quantity > maxStock) return refused(command, 'stock-too-large', `A stock is at most ${maxStock}.`, at)
      const youngest = setBy.get(product.id) ?? product.stockSetBy
      if (youngest === null || eventId > youngest) {
        book.set(product.id, quantity, `event ${eventId} of a partner`)
        causes.set(product.id, command)
        setBy.set(product.id, eventId)
      }
      return adjusted(command, { ...product, available: quantity }, at)
    })
    await writeStock(tx, book, at, causes)
    await noteSetBy(tx, setBy)
    await storeAnswers(tx, answers)
    await repeatAnswers(tx, repeated)
  },
)

/** Notes which event set the stock of products, that an older one may be known. */
async function noteSetBy({ query }: Transaction, setBy: ReadonlyMap<string, string>): Promise<void> {
  if (setBy.size === 0) return
  await query({
    name: 'note-stock-set-by',
    text: `update products set stock_set_by = t.event_id from unnest($1::uuid[], $2::uuid[]) as t (id, event_id)
           where products.id = t.id`,
    values: [[...setBy.keys()], [...setBy.values()]],
  })
}
