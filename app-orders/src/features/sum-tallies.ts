import { every, type Resources } from '@feira/chassis'
import { tallyNew } from '../tallies.ts'

/**
 * Sums up what the tallies have to add, so that few rows are to be read. Also takes in the orders of release 0.1, which
 * kept no tallies: those from before the migration, and those that its replicas went on writing beside the first of this
 * release. Afterwards it finds none.
 */
export const sumTallies = every('sum-tallies', '2s', async (resources, signal) => {
  if ((await resources.query({ text: anyLeft })).rowCount === 0) return
  for (const text of [takeIn, sumUp]) {
    while (!signal.aborted && (await take(text, resources)) > 0) continue
  }
})

/** @returns how many it has taken. */
function take(text: string, { transact }: Resources): Promise<number> {
  return transact(async tx => {
    const { rows } = await tx.query<{ taken: number }>({ text })
    return rows[0]?.taken ?? 0
  })
}

const anyLeft = '(select 1 from order_tally_changes limit 1) union all (select 1 from orders where not tallied limit 1)'

// What others work on is left for the next time.
const takeIn = `
  with untallied as (select id from orders where not tallied order by id limit 1000 for update skip locked),
  counted as (
    update orders set tallied = true from untallied where orders.id = untallied.id
    returning created_at, status, total_cents),
  added as (${tallyNew('counted')})
  select count(*)::int as taken from counted`

// Sorted, so that replicas lock the tallies in one order.
const sumUp = `
  with taken as (
    delete from order_tally_changes where ctid = any(array(
      select ctid from order_tally_changes limit 5000 for update skip locked))
    returning *),
  summed as (
    insert into order_tallies as known (day, status, orders, total_cents)
    select day, status, sum(orders), sum(total_cents) from taken group by day, status order by day, status
    on conflict (day, status) do update
      set orders = known.orders + excluded.orders, total_cents = known.total_cents + excluded.total_cents)
  select count(*)::int as taken from taken`
