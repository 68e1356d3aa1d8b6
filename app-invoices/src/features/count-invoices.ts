import { every, type Resources } from '@feira/chassis'
import type { Config } from '../config.ts'
import { countNew } from '../totals.ts'

/**
 * Takes the invoices of release 0.1, which kept no totals, into them: those from before the migration, and those that its
 * replicas went on issuing beside the first of this release. Afterwards it finds nothing.
 */
export const countInvoices = every('count-invoices', '1m', async (resources: Resources<Config>, signal) => {
  while (!signal.aborted && (await countSome(resources)) > 0) continue
})

/** @returns how many it has counted. */
function countSome({ transact, config }: Resources<Config>): Promise<number> {
  return transact(async tx => {
    const { rows } = await tx.query<{ counted: number }>({ text: statement, values: [config.INVOICE_TIMEZONE] })
    return rows[0]?.counted ?? 0
  })
}

// Invoices that are just being changed are left for the next time.
const statement = `
  with uncounted as (
    select id from invoices where month is null order by id limit 1000 for update skip locked),
  taken as (
    update invoices set month = to_char(issued_at at time zone $1, 'YYYY-MM') from uncounted
    where invoices.id = uncounted.id returning invoices.month, currency, total_cents, status),
  counted as (${countNew('taken')})
  select count(*)::int as counted from taken`
