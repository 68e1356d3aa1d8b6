import type { Contact, Silence } from '../ask.ts'
import type { Facts, ServiceFacts } from './facts.ts'
import type { Sample } from './samples.ts'

/** The moment at which everything was asked, on a whole second. */
export const askedAt = Date.parse('2026-11-21T12:00:00.500Z')

/** An answer, given at once by somebody whose clock is `ahead` seconds ahead. */
export function reply(body: unknown, { status = 200, headers = {}, ahead = 0 } = {}): Contact {
  const date = new Date(askedAt + ahead * 1_000).toUTCString()
  const all = new Headers({ date, ...headers })
  return { answered: true, url: 'http://localhost:1', status, headers: all, body, sentAt: askedAt, receivedAt: askedAt }
}

export const silence = (why: Silence['why']): Contact => ({ answered: false, url: 'http://localhost:1', why })

const up = { status: 'up', latencyMs: 1 }

/** The health of a service, with what is down in it. */
export const health = (down: Readonly<Record<string, string>> = {}) => {
  const dependencies: Record<string, object> = { database: up, migrations: up, broker: up }
  for (const [name, reason] of Object.entries(down)) dependencies[name] = { status: 'down', latencyMs: 1, reason }
  return { status: Object.keys(down).length === 0 ? 'ok' : 'unavailable', dependencies }
}

/** A sample of a service's metrics. */
export const sample = (name: string, value: number, labels: Readonly<Record<string, string>> = {}): Sample => ({
  name,
  labels,
  value,
})

/** What a service with nothing to complain of tells. */
export function quietMetrics(service: string): Sample[] {
  const queue = `${service}.on-something`
  return [
    sample('process_start_time_seconds', 1, { service }),
    sample('queue_messages', 0, { queue, kind: 'work' }),
    sample('queue_messages', 0, { queue, kind: 'retry' }),
    sample('queue_messages', 0, { queue, kind: 'dead' }),
    sample('queue_consumers', 1, { queue }),
    sample('dead_letters', 0, { queue }),
    sample('outbox_messages', 0, { state: 'pending' }),
    sample('outbox_messages', 0, { state: 'unrouted' }),
    sample('outbox_oldest_seconds', 0),
    sample('database_pool_connections', 0, { state: 'waiting' }),
    sample('circuit_breaker_state', 1, { name: 'smtp', state: 'closed' }),
    sample('circuit_breaker_state', 0, { name: 'smtp', state: 'open' }),
  ]
}

/** A healthy service, but for what is given. */
export function aService(name: string, different: Partial<ServiceFacts> = {}): ServiceFacts {
  return {
    name,
    url: 'http://localhost:3333',
    portVariable: `${name.toUpperCase()}_PORT`,
    takes: [`${name}.told`],
    health: reply(health()),
    routed: reply(health()),
    metrics: quietMetrics(name),
    deadLetters: reply({ groups: [] }),
    ...different,
  }
}

/** A healthy system of two services, but for what is given. */
export function someFacts(different: Partial<Facts> = {}): Facts {
  return {
    mode: 'local',
    gateway: reply('<title>Feira</title>'),
    services: [aService('users'), aService('orders')],
    signIn: { outcome: 'signed-in', token: 'secret-token' },
    keys: reply({ keys: [{ kty: 'EC' }] }),
    rebuild: reply({ state: 'completed', reason: null, kinds: [] }),
    stuckOrders: reply({ items: [], nextCursor: null }),
    traces: { jaegerUrl: 'http://localhost:16686', recording: [], arrived: undefined },
    machine: {
      nodeVersion: '24.21.0',
      dataDirectory: { path: '/shop/.feira', state: 'usable', free: 1e12, writtenBy: '18', embedded: '18' },
      takenPorts: [],
    },
    ...different,
  }
}
