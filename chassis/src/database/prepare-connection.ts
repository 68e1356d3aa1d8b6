import type pg from 'pg'
import type { Socket } from 'node:net'

/**
 * A prepared statement is planned once per connection, perhaps while its table is empty, and reading all of an empty table
 * looks best then. That plan stays until the table is analysed: for a minute after a first start, for ever where autovacuum
 * is off, while every statement reads more and more rows. Every statement of a service finds its rows by an index, so
 * reading whole tables is made a last resort. That counts as dear, and dear plans would be compiled for longer than they
 * run, hence no jit.
 */
const plans = ['enable_seqscan to off', 'jit to off']

/** Readies a new connection of a pool. @param settings more of what `SET` takes, for the whole session. */
export function prepareConnection(client: pg.ClientBase, ...settings: readonly string[]): void {
  // An idle client reports on its pool, one in use on itself: without a listener it would end the process.
  client.on('error', () => {})
  writeTogether(client)
  // A connection on which this fails is one on which the statement behind it fails, too.
  client.query([...plans, ...settings].map(setting => `set ${setting}`).join('; ')).catch(() => {})
}

/**
 * Makes the statements that are asked of a connection in one turn of the event loop leave in one write: a write costs the
 * same whether it carries one of them or five, and the transactions of relay and consumers ask for several at a time.
 */
function writeTogether(client: pg.ClientBase): void {
  const { stream } = (client as unknown as { connection: { stream: Socket } }).connection
  const query = client.query.bind(client) as (...args: unknown[]) => unknown
  let gathering = false
  const gather = () => {
    if (gathering) return
    gathering = true
    stream.cork()
    process.nextTick(() => {
      gathering = false
      stream.uncork()
    })
  }
  Object.assign(client, {
    query: (...args: unknown[]) => {
      gather()
      return query(...args)
    },
  })
}
