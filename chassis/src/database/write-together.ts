import type pg from 'pg'
import type { Socket } from 'node:net'

/**
 * Makes the statements that are asked of a connection in one turn of the event loop leave in one write: a write costs the
 * same whether it carries one of them or five, and the transactions of relay and consumers ask for several at a time.
 */
export function writeTogether(client: pg.ClientBase): void {
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
