import type { TestDatabase } from './database.ts'
import { DatabaseWatch } from './database-watch.ts'

/** Watches the stock: invariant I6 holds at every moment, not only at rest. */
export function watchStock(products: TestDatabase): DatabaseWatch {
  return new DatabaseWatch(async () => {
    const rows = await products.rows<{ text: string }>(question)
    return rows.map(({ text }) => `I6: while running, ${text}`)
  })
}

/** Products with less than nothing, or with another stock than their ledger says, seen in one snapshot. */
const question = `
  select format('product %s has %s available, %s reserved; its ledger says %s and %s', id, available, reserved, a, r) as text
  from products cross join lateral (
    select coalesce(sum(m.available), 0) as a, coalesce(sum(m.reserved), 0) as r from movements m where product_id = products.id) ledger
  where available < 0 or reserved < 0 or available <> a or reserved <> r`
