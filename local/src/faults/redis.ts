import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { environment } from '@feira/chassis'
import { CannotBreak, fault } from './fault.ts'
import { requireLocal } from './running-system.ts'

/** Milliseconds that Redis answers nobody, us included; asked for again before they are over. */
const pause = 2_000

export const redisHangs = fault<{ readonly host: string; readonly port: number }>({
  summary: 'the Redis of REDIS_URL answers nobody (CLIENT PAUSE), while 5 clients read the catalogue',
  alerts: ['CircuitBreakerOpen'],
  async prepare() {
    const url = environment()['REDIS_URL']
    if (!url) throw new CannotBreak('There is no Redis: start the system, and this, with REDIS_URL.')
    requireLocal(url)
    const { hostname, port } = new URL(url)
    return { host: hostname, port: Number(port || 6_379) }
  },
  async cause({ keepAsking }, address, signal) {
    const socket = connect(address)
    await once(socket, 'connect')
    const reading = keepAsking('products', '/products', 5, signal)
    while (!signal.aborted) {
      socket.write(`CLIENT PAUSE ${pause} ALL\r\n`)
      await sleep(pause, undefined, { signal }).catch(() => {})
    }
    socket.destroy()
    await reading
  },
  // It goes on by itself.
  mend: async () => {},
})
