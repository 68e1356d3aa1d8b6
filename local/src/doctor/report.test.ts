import { describe, expect, test } from 'vitest'
import type { Facts, ServiceFacts } from './facts.ts'
import { aService, health, quietMetrics, reply, sample, silence, someFacts } from './facts.testing.ts'
import { exitCodeOf, type Finding } from './finding.ts'
import { judge, render } from './report.ts'
import type { Sample } from './samples.ts'

const unwell = (facts: Facts) => judge(facts).filter(({ verdict }) => verdict !== 'ok')

/** A system whose app-orders is different. */
const withOrders = (different: Partial<ServiceFacts>, facts: Partial<Facts> = {}) =>
  someFacts({ services: [aService('users'), aService('orders', different)], ...facts })

/** A system whose app-orders tells other figures. */
const measuring = (...figures: readonly Sample[]) =>
  withOrders({
    metrics: [
      ...quietMetrics('orders').filter(
        old => !figures.some(({ name, labels }) => name === old.name && same(labels, old.labels)),
      ),
      ...figures,
    ],
  })

const same = (a: object, b: object) => JSON.stringify(a) === JSON.stringify(b)
const queue = 'orders.on-something'

test('of a healthy system everything is fine, and every part was looked at', () => {
  const findings = judge(someFacts())
  expect(findings.filter(({ verdict }) => verdict !== 'ok')).toEqual([])
  expect(findings.map(({ check }) => check)).toEqual([
    'Node',
    'data directory',
    'gateway',
    'app-users',
    'app-orders',
    'queues',
    'dead letters',
    'outboxes',
    'orders',
    'read model',
    'calls',
    'tokens',
    'traces',
    'clocks',
  ])
  expect(exitCodeOf(findings)).toBe(0)
})

const letters = (...reasons: readonly string[]) =>
  reply({
    groups: reasons.map(reason => ({
      fingerprint: 'f',
      queue,
      type: 'order.created',
      reason,
      error: 'who@example.com is already there',
      count: 3,
      newestId: '01936f3e-8a5c-7c1e-9b3a-51d21b2a3c4d',
      lastDiedAt: '2026-11-21T12:00:00.000Z',
    })),
  })

const problem = (code: string, status: number) => reply({ code }, { status })

interface Expected {
  readonly check: Finding['check']
  readonly says: RegExp
  readonly remedy?: RegExp
}
type Case = readonly [what: string, facts: Facts, expected: Expected]

const cases: readonly Case[] = [
  [
    'a gateway where nothing listens',
    someFacts({ mode: 'unknown', gateway: silence('refused') }),
    { check: 'gateway', says: /nothing listens/, remedy: /npm start.*docker compose up/ },
  ],
  [
    'a gateway whose host is not known',
    someFacts({ mode: 'elsewhere', gateway: silence('unknown-host') }),
    { check: 'gateway', says: /no host of that name/ },
  ],
  [
    "another program at the gateway's port",
    someFacts({
      gateway: reply('It works!'),
      services: [aService('orders', { routed: reply('Not found', { status: 404 }) })],
    }),
    { check: 'gateway', says: /another program/, remedy: /GATEWAY_PORT/ },
  ],
  [
    'a service that does not run',
    withOrders({ health: silence('refused'), routed: reply('', { status: 503 }), metrics: undefined }),
    { check: 'app-orders', says: /nothing listens/, remedy: /npm run dev -w app-orders/ },
  ],
  [
    'a container that does not run',
    withOrders({ health: silence('refused'), routed: reply('', { status: 503 }) }, { mode: 'compose' }),
    { check: 'app-orders', says: /nothing listens/, remedy: /docker compose up -d app-orders/ },
  ],
  [
    'a service that hangs',
    withOrders({ health: silence('timeout'), routed: silence('timeout'), metrics: undefined }),
    { check: 'app-orders', says: /no answer within 5 s; it hangs/, remedy: /start it again/ },
  ],
  [
    "another program at a service's port",
    withOrders({ health: reply('<h1>Other</h1>') }),
    { check: 'app-orders', says: /another program than app-orders/, remedy: /ORDERS_PORT/ },
  ],
  [
    "something that is no HTTP server at a service's port",
    withOrders({ health: silence('not-http'), routed: reply('', { status: 502 }) }),
    { check: 'app-orders', says: /does not speak HTTP/, remedy: /ORDERS_PORT/ },
  ],
  [
    "another service at a service's port",
    withOrders({ metrics: quietMetrics('invoices') }),
    { check: 'app-orders', says: /app-invoices answers at .* where app-orders should be/ },
  ],
  [
    'a database that is away, which is all that can be said of migrations',
    withOrders({ health: reply(health({ database: 'not available', migrations: 'not available' }), { status: 503 }) }),
    { check: 'app-orders', says: /^not ready: database: not available$/, remedy: /DATABASE_URL/ },
  ],
  [
    'migrations that are missing',
    withOrders({ health: reply(health({ migrations: 'not available' }), { status: 503 }) }),
    { check: 'app-orders', says: /not ready: migrations/, remedy: /npm run setup -w app-orders/ },
  ],
  [
    'a broker that is away, in containers',
    withOrders({ health: reply(health({ broker: 'connection refused' }), { status: 503 }) }, { mode: 'compose' }),
    { check: 'app-orders', says: /broker: connection refused/, remedy: /docker compose logs rabbitmq/ },
  ],
  [
    'a service that the gateway does not reach',
    withOrders({ routed: reply({ code: 'route-not-found' }, { status: 404 }) }, { mode: 'compose' }),
    { check: 'app-orders', says: /gateway does not reach it: answers 404/, remedy: /restart kong/ },
  ],
  [
    'a backlog',
    measuring(sample('queue_messages', 101, { queue, kind: 'work' })),
    { check: 'queues', says: /101 messages wait in orders.on-something/ },
  ],
  [
    'a queue without consumers',
    measuring(sample('queue_consumers', 0, { queue })),
    { check: 'queues', says: /nobody consumes orders.on-something/ },
  ],
  [
    'dead letters',
    withOrders({ deadLetters: letters('failed') }),
    { check: 'dead letters', says: /3 × order.created in .*: failed/, remedy: /dlq -- show 01936f3e.*replay/ },
  ],
  [
    'dead letters that can never be handled',
    withOrders({ deadLetters: letters('malformed') }),
    { check: 'dead letters', says: /malformed/, remedy: /delete/ },
  ],
  [
    'dead letters that only the metrics tell of',
    withOrders({
      deadLetters: problem('token-missing', 401),
      metrics: [sample('dead_letters', 2, { queue }), sample('outbox_messages', 0), sample('queue_messages', 0)],
    }),
    { check: 'dead letters', says: /app-orders has 2$/, remedy: /FEIRA_TOKEN/ },
  ],
  [
    'an outbox that does not empty',
    measuring(sample('outbox_oldest_seconds', 61), sample('outbox_messages', 9, { state: 'pending' })),
    { check: 'outboxes', says: /app-orders has 9 messages to publish, the oldest for 61 s/ },
  ],
  [
    'messages that no queue takes',
    measuring(
      sample('outbox_messages', 4, { state: 'unrouted' }),
      sample('messages_published_total', 4, { outcome: 'unroutable', type: 'users.told' }),
    ),
    {
      check: 'outboxes',
      says: /no queue takes 4 messages of app-orders \(users.told\)/,
      remedy: /npm run setup -w app-users`$/,
    },
  ],
  [
    'orders that do not get on',
    someFacts({ stuckOrders: reply({ items: [{ id: 'x', createdAt: '2026-11-21T11:00:00.000Z' }] }) }),
    { check: 'orders', says: /order x has been pending since 2026-11-21T11/, remedy: /app-products/ },
  ],
  [
    'a rebuild that failed',
    someFacts({ rebuild: reply({ state: 'failed', reason: 'users owe their rows' }) }),
    { check: 'read model', says: /users owe their rows/, remedy: /rebuild/ },
  ],
  [
    'an open circuit breaker',
    measuring(sample('circuit_breaker_state', 1, { name: 'smtp', state: 'open' })),
    { check: 'calls', says: /app-orders: the circuit breaker of smtp open/ },
  ],
  [
    'keys that cannot be read',
    someFacts({ keys: reply('', { status: 503 }) }),
    { check: 'tokens', says: /public keys of the issuer cannot be read/, remedy: /app-users/ },
  ],
  [
    'a service that has never seen a key',
    withOrders({ deadLetters: problem('issuer-unavailable', 503) }),
    { check: 'tokens', says: /app-orders knows no key/, remedy: /AUTH_JWKS_URL/ },
  ],
  [
    'a service of another system',
    withOrders({ deadLetters: problem('token-invalid', 401) }),
    { check: 'tokens', says: /does not accept a token of this gateway/, remedy: /another system/ },
  ],
  [
    "a token that is not an admin's",
    withOrders({ deadLetters: problem('role-missing', 403) }),
    { check: 'tokens', says: /does not take the token for an admin's/ },
  ],
  [
    'traces that do not arrive',
    someFacts({ traces: { jaegerUrl: 'http://jaeger', recording: ['users', 'orders'], arrived: ['users'] } }),
    { check: 'traces', says: /those of orders do not arrive/, remedy: /OTEL_EXPORTER_OTLP_ENDPOINT/ },
  ],
  [
    'a Jaeger container that is away',
    someFacts({
      mode: 'compose',
      traces: { jaegerUrl: 'http://jaeger', recording: ['users'], arrived: undefined },
    }),
    { check: 'traces', says: /no Jaeger answers at http:\/\/jaeger/, remedy: /docker compose up -d jaeger/ },
  ],
  [
    'a clock that is ahead',
    withOrders({ health: reply(health(), { ahead: 60 }) }),
    { check: 'clocks', says: /the clock of app-orders: 60 s ahead of this machine's/ },
  ],
  [
    "this machine's own clock",
    someFacts({
      gateway: reply('<title>Feira</title>', { ahead: -90 }),
      services: [aService('users', { health: reply(health(), { ahead: -90 }) })],
    }),
    { check: 'clocks', says: /the system's clocks: 90 s behind this machine's/ },
  ],
]

describe('wrong is', () => {
  test.each(cases)('%s', (_what, facts, { check, says, remedy = /./ }) => {
    const found = judge(facts).filter(finding => finding.check === check && finding.verdict === 'wrong')
    expect(found).toHaveLength(1)
    expect(found[0]?.says).toMatch(says)
    expect(found[0]?.remedy).toMatch(remedy)
    expect(exitCodeOf(found)).toBe(1)
  })
})

const machine = (different: object, directory: object = {}) => {
  const { machine } = someFacts()
  const dataDirectory = { ...machine?.dataDirectory, ...directory }
  return someFacts({ machine: { ...machine, dataDirectory, ...different } as Facts['machine'] })
}

describe('of this machine', () => {
  test.each([
    ['wrong', machine({}, { state: 'not-writable' }), /may not be written/],
    ['wrong', machine({}, { state: 'not-a-directory' }), /not a directory/],
    ['wrong', machine({}, { writtenBy: '17' }), /written by PostgreSQL 17, and the embedded one is 18/],
    ['wrong', machine({}, { free: 5e7 }), /50 MB are left/],
    ['warning', machine({}, { free: 5e8 }), /500 MB are left/],
    ['warning', machine({ nodeVersion: '22.18.0' }), /22.18.0/],
    [
      'warning',
      machine({ takenPorts: [{ port: 8000, what: 'the gateway', variable: 'GATEWAY_PORT' }] }),
      /port 8000, which `npm start` needs for the gateway/,
    ],
  ] as const)('%s is what stands in the way of a start: %#', (verdict, facts, says) => {
    const found = unwell(facts)
    expect(found).toHaveLength(1)
    expect(found[0]).toMatchObject({ verdict, says: expect.stringMatching(says), remedy: expect.any(String) })
  })

  test('nothing is said when the system runs elsewhere', () => {
    expect(judge(someFacts({ machine: undefined })).map(({ check }) => check)).not.toContain('Node')
  })
})

describe('worth a look, but not wrong, is', () => {
  test.each([
    [
      'queues',
      measuring(sample('queue_messages', 3, { queue, kind: 'retry' })),
      /3 messages of .* waiting for another attempt/,
    ],
    ['queues', measuring(sample('queue_messages', 3, { queue, kind: 'dead' })), /given up and not stored yet/],
    ['outboxes', measuring(sample('outbox_oldest_seconds', 11)), /for 11 s/],
    ['calls', measuring(sample('circuit_breaker_state', 1, { name: 'smtp', state: 'half-open' })), /half-open/],
    ['calls', measuring(sample('database_pool_connections', 2, { state: 'waiting' })), /database connection/],
    ['traces', someFacts({ mode: 'compose' }), /are off/],
    ['clocks', withOrders({ health: reply(health(), { ahead: 4 }) }), /4 s ahead/],
  ] as const)('%s: %#', (check, facts, says) => {
    expect(unwell(facts)).toMatchObject([{ check, verdict: 'warning', says: expect.stringMatching(says) }])
    expect(exitCodeOf(judge(facts))).toBe(0)
  })
})

describe('what could not be looked at', () => {
  const without = (name: string) => quietMetrics('orders').filter(each => each.name !== name)

  test.each([
    ['queues', withOrders({ metrics: without('queue_messages') }), /not orders tells .*queue_messages/],
    ['outboxes', withOrders({ metrics: without('outbox_messages') }), /not orders tells .*outbox_messages/],
    [
      'dead letters',
      withOrders({ metrics: without('dead_letters'), deadLetters: problem('token-missing', 401) }),
      /unknown: app-orders/,
    ],
    ['tokens', someFacts({ signIn: { outcome: 'not-tried' } }), /not tried on other machines/],
    [
      'tokens',
      someFacts({ signIn: { outcome: 'failed', reason: 'admin cannot be signed in' } }),
      /cannot be signed in/,
    ],
    [
      'traces',
      someFacts({ traces: { jaegerUrl: 'http://jaeger', recording: ['users'], arrived: undefined } }),
      /no Jaeger answers/,
    ],
  ] as const)('is said to be unknown: %s %#', (check, facts, says) => {
    expect(unwell(facts)).toMatchObject([{ check, verdict: 'unknown', says: expect.stringMatching(says) }])
    expect(exitCodeOf(judge(facts))).toBe(2)
  })
})

test('of services that only the gateway reaches it is said what could not be looked at', () => {
  const closed = { health: silence('unreachable'), metrics: undefined, deadLetters: silence('unreachable') } as const
  const facts = someFacts({ mode: 'elsewhere', services: [aService('users', closed)], machine: undefined })
  expect(unwell(facts)).toMatchObject([
    { check: 'queues', verdict: 'unknown', remedy: expect.stringContaining('own ports') },
    { check: 'dead letters', verdict: 'unknown', remedy: expect.stringContaining('own port') },
    { check: 'outboxes', verdict: 'unknown', remedy: expect.stringContaining('own ports') },
    { check: 'traces', verdict: 'unknown', remedy: expect.stringContaining('own ports') },
  ])
  expect(judge(facts).find(({ check }) => check === 'tokens')?.says).toContain('accepted by 0 of 1 services')
  expect(judge(facts)).toContainEqual(expect.objectContaining({ check: 'app-users', verdict: 'ok' }))
  expect(exitCodeOf(judge(facts))).toBe(2)
})

test('a system that does not run at all is told in a line, not in one for each service', () => {
  const away = { health: silence('refused'), routed: silence('refused'), deadLetters: silence('refused') } as const
  const services = ['users', 'orders'].map(name => aService(name, { ...away, metrics: undefined }))
  const gateway = silence('refused')
  const facts = { gateway, keys: gateway, rebuild: undefined, stuckOrders: undefined }
  expect(unwell(someFacts({ mode: 'unknown', services, ...facts }))).toMatchObject([
    { check: 'gateway', verdict: 'wrong' },
    { check: 'services', verdict: 'wrong', says: 'none runs' },
  ])
})

test('tokens of another issuer, clocks that differ by moments and a running rebuild are fine', () => {
  const facts = someFacts({
    keys: problem('foreign-issuer', 404),
    services: [aService('orders', { health: reply(health(), { ahead: 2 }) })],
    rebuild: reply({ state: 'running', kinds: [{ kind: 'order', expected: 9, received: 4 }] }),
  })
  expect(unwell(facts)).toEqual([])
  expect(judge(facts).find(({ check }) => check === 'read model')?.says).toContain('4 of 9 orders')
})

test('many kinds of dead letters fill five lines and a last one', () => {
  const reasons = ['a', 'b', 'c', 'd', 'e', 'f', 'g']
  const found = unwell(withOrders({ deadLetters: letters(...reasons) }))
  expect(found).toHaveLength(6)
  expect(found.at(-1)?.says).toContain('2 other kinds')
})

test('the report has a sign for each line, what to do below it, and neither tokens nor what messages hold', () => {
  const facts = withOrders({ deadLetters: letters('failed\u001b[31m') }, { keys: silence('timeout') })
  const text = render(judge(facts))
  expect(text).toMatch(/^✓ gateway +/m)
  expect(text).toMatch(/^✗ tokens +the public keys.*\n +→ services go on/m)
  expect(text).toMatch(/Not healthy: 2 wrong, 12 fine\.$/)
  for (const secret of ['secret-token', 'who@example.com', '\u001b']) expect(text).not.toContain(secret)
})
