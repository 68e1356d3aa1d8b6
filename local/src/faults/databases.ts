import { setTimeout as sleep } from 'node:timers/promises'
import { fault, lasts } from './fault.ts'
import { applicationName, type RunningSystem } from './running-system.ts'

/** Ends the sessions of faults in a database: what they hold is free then. */
export async function endOwnSessions({ inDatabase }: RunningSystem, service: string): Promise<void> {
  const text = `select pg_terminate_backend(pid) from pg_stat_activity
    where application_name = $1 and datname = current_database() and pid <> pg_backend_pid()`
  await inDatabase(service, client => client.query(text, [applicationName]))
}

// Closing the database to connections would outlast a break that was killed, and nothing could start on it again.
const lockAll = `do $$ declare "each" regclass; begin
  for "each" in select c.oid::regclass from pg_class c where relkind = 'r' and relnamespace in ('public'::regnamespace, 'chassis'::regnamespace)
  loop execute 'lock table ' || "each" || ' in access exclusive mode'; end loop; end $$`

export const databaseAway = fault<Record<string, never>>({
  summary: 'the database of app-invoices answers nothing: all its tables are locked',
  alerts: ['DatabaseAway'],
  prepare: async () => ({}),
  async cause({ inDatabase }, _note, signal) {
    await inDatabase('invoices', async client => {
      await client.query('begin')
      await client.query(lockAll)
      await lasts(signal)
      await client.query('rollback')
    })
  },
  mend: system => endOwnSessions(system, 'invoices'),
})

export const slowDatabase = fault<Record<string, never>>({
  summary: 'the table of orders is locked for 3 s again and again, while 30 clients read from it',
  alerts: ['SlowRequests', 'PoolExhausted'],
  prepare: async () => ({}),
  async cause({ inDatabase, keepAsking }, _note, signal) {
    const reading = keepAsking('orders', '/orders', 30, signal)
    await inDatabase('orders', async client => {
      while (!signal.aborted) {
        await client.query('begin')
        await client.query('lock table orders in access exclusive mode')
        await sleep(3_000, undefined, { signal }).catch(() => {})
        await client.query('rollback')
        await sleep(200)
      }
    })
    await reading
  },
  mend: system => endOwnSessions(system, 'orders'),
})

export const failingRequests = fault<{ readonly productId: string }>({
  summary: 'app-products may not read its stock ledger any more, and 5 clients try to',
  alerts: ['HighErrorRate', 'ErrorBudgetBurnsFast', 'ErrorBudgetBurnsSlowly'],
  prepare: async ({ addProduct }) => ({ productId: await addProduct(1) }),
  async cause({ inDatabase, keepAsking }, { productId }, signal) {
    await inDatabase('products', client => client.query('revoke select on movements from feira_products'))
    await keepAsking('products', `/products/${productId}/movements`, 5, signal)
  },
  async mend({ inDatabase, ask }, { productId }) {
    await inDatabase('products', client => client.query('grant select on movements to feira_products'))
    await ask('products', `/products/${productId}`, { method: 'DELETE' }).catch(() => {})
  },
})
