import { consumeBatch, perform, type Resources } from '@feira/chassis'
import { partnerSale } from '@feira/contracts/orders'
import type { Config } from '../config.ts'
import { metersOf } from '../meters.ts'
import { decideSales, type SaleCommand } from '../partners/decide-sales.ts'
import { waitForArrival } from '../replicas/arrivals.ts'
import { findProducts } from '../replicas/product-lookup.ts'

const waitingRoom = 'on-partner-sale-of-unknown'

const sell = consumeBatch('on-partner-sale', partnerSale, async (sales, tx, resources: Resources<Config>) => {
  const catalogue = await findProducts(
    tx.query,
    sales.map(({ data }) => data.product),
  )
  const isKnown = ({ data }: SaleCommand) => catalogue.find(data.product) !== undefined
  await decideSales(tx, sales.filter(isKnown), catalogue, metersOf(resources))
  for (const sale of sales.filter(each => !isKnown(each)))
    tx.publish(partnerSale, sale.data, { cause: sale, queue: `orders.${waitingRoom}` })
})

/** Waits outside of any transaction, and in nobody's way; then the sale is decided, whatever is known by then. */
const sellUnknown = perform(
  waitingRoom,
  partnerSale,
  {
    claim: async (sale: SaleCommand) => sale,
    act: async ({ data }, { query }) => waitForArrival(query, { productName: data.product }),
    async settle(sale, _arrived, tx, resources: Resources<Config>) {
      await decideSales(tx, [sale], await findProducts(tx.query, [sale.data.product]), metersOf(resources))
    },
  },
  { bound: false, maxInFlight: 50 },
)

/**
 * `partner.sale` → `order.created` and `stock.reserve`, or `order.refused`, once for each event of a partner. A product that
 * is not known yet is waited for, up to 1 s.
 */
export const onPartnerSale = [sell, sellUnknown]
