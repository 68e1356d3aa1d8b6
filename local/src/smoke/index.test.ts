import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { hostname } from 'node:os'
import { expect, onTestFinished, test, vi } from 'vitest'
import { runSmoke } from './index.ts'

/** What it printed, and its exit code. */
async function run(...args: readonly string[]) {
  const [log, error] = [vi.spyOn(console, 'log'), vi.spyOn(console, 'error')]
  for (const print of [log, error]) print.mockImplementation(() => {})
  const code = await runSmoke(args)
  const output = [log, error].flatMap(print => print.mock.calls.flat()).join('\n')
  for (const print of [log, error]) print.mockRestore()
  return { code, output }
}

type Answer = readonly [status: number, body?: object]

const invoice = { number: '2026-000001', status: 'issued' }

/** A deployment that works, except for what is given. */
async function deploy(
  differing: Readonly<Record<string, (request: IncomingMessage, count: number) => Answer>> = {},
  host = '127.0.0.1',
) {
  let cancelled = false
  const asked: string[] = []
  const keys = new Map<string, Set<string>>()
  const sound: Readonly<Record<string, () => Answer>> = {
    'GET /orders/ready': () => [200],
    'POST /users': () => [201, { id: 'customer' }],
    'POST /auth/login': () => [200, { access_token: 'token' }],
    'POST /orders': () => {
      cancelled = false
      return [201, { id: 'order', status: 'reserved' }]
    },
    'GET /invoices?orderId=order': () => [200, { items: [{ ...invoice, status: cancelled ? 'void' : 'issued' }] }],
    'GET /q/orders/order': () => [200, { invoice }],
    'POST /orders/order/cancel': () => {
      cancelled = true
      return [200, { status: 'cancelled' }]
    },
    'DELETE /users/customer': () => [204],
  }
  const server = createServer((request, response) => {
    const what = `${request.method} ${request.url}`
    const count = asked.filter(earlier => earlier === what).length
    asked.push(what)
    const { 'idempotency-key': key } = request.headers
    if (typeof key === 'string') keys.set(what, (keys.get(what) ?? new Set()).add(key))
    const [status, body] = differing[what]?.(request, count) ??
      sound[what]?.() ?? [404, { detail: 'There is no route.' }]
    response.writeHead(status, { 'content-type': 'application/json' }).end(body && JSON.stringify(body))
  }).listen(0, host)
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { asked, keys, port, url: `http://127.0.0.1:${port}` }
}

test('goes all the way, and deletes the customer', async () => {
  const { url, asked } = await deploy()
  const { code, output } = await run('--url', url)
  expect(output).toMatch(
    /signs in[^]*an invoice comes +2026-000001[^]*the invoice is void[^]*is deleted +customer[^]*It works/,
  )
  expect(asked.at(-1)).toBe('DELETE /users/customer')
  expect(code).toBe(0)
})

test('gives each customer an address of its own', async () => {
  const bodies: string[] = []
  const { url } = await deploy({
    'POST /users': request => {
      request.on('data', (chunk: Buffer) => bodies.push(chunk.toString()))
      return [201, { id: 'customer' }]
    },
  })
  await run('--url', url, '--email', 'smoke@feira.example')
  await run('--url', url, '--email', 'smoke@feira.example')
  const emails = bodies.map(body => (JSON.parse(body) as { email: string }).email)
  expect(new Set(emails).size).toBe(2)
  for (const email of emails) expect(email).toMatch(/^smoke\+[0-9a-f]{8}@feira\.example$/)
})

test('repeats what is put off while services are replaced, under the same key', async () => {
  const { url, keys, asked } = await deploy({
    'POST /orders': (_request, count) => (count < 2 ? [503, {}] : [201, { id: 'order', status: 'reserved' }]),
    'DELETE /users/customer': (_request, count) => (count === 0 ? [502, {}] : [404, {}]),
  })
  expect((await run('--url', url)).code).toBe(0)
  expect(asked.filter(what => what === 'POST /orders')).toHaveLength(3)
  expect(keys.get('POST /orders')?.size).toBe(1)
})

const never = (): Answer => [200, { items: [] }]
test.each([
  [
    'invoices that never come',
    { 'GET /invoices?orderId=order': never },
    /Not within 1 s: order order has an invoice.*app-invoices.*Last seen: none/,
  ],
  [
    'a read model that lags',
    { 'GET /q/orders/order': (): Answer => [404, {}] },
    /app-queries works\. Last seen: not even the order/,
  ],
  [
    'a read model of another invoice',
    { 'GET /q/orders/order': (): Answer => [200, { invoice: { number: '7' } }] },
    /Last seen: invoice 7/,
  ],
  [
    'an invoice that stays',
    { 'POST /orders/order/cancel': (): Answer => [200, { status: 'cancelled' }] },
    /invoice that is void.*Last seen: issued/,
  ],
  [
    'a refusal',
    { 'POST /orders': (): Answer => [403, { detail: 'You are blocked.' }] },
    /POST \/orders was answered 403: You are blocked\./,
  ],
  [
    'a service that is away',
    { 'POST /orders': (): Answer => [503, { message: 'no upstream' }] },
    /Not within 1 s: POST \/orders.*answered 503: no upstream/,
  ],
  ['an answer without an id', { 'POST /orders': (): Answer => [201, {}] }, /\/orders was answered without id/],
] as const)('fails on %s, and cleans up all the same', async (_, differing, message) => {
  const { url, asked } = await deploy(differing)
  const startedAt = Date.now()
  const { code, output } = await run('--url', url, '--within', '1')
  expect(output).toMatch(message)
  expect(output).not.toContain('It works')
  expect(code).toBe(1)
  expect(Date.now() - startedAt).toBeLessThan(10_000)
  expect(asked).toContain('DELETE /users/customer')
  const placed = /has an invoice|Last seen: (?:not|invoice)/.test(output)
  expect(asked.includes('POST /orders/order/cancel')).toBe(placed)
})

test('fails when it cannot clean up, and says what failed before', async () => {
  const differing = { 'DELETE /users/customer': (): Answer => [403, { detail: 'Admins only.' }] }
  const sound = await deploy(differing)
  expect(await run('--url', sound.url)).toMatchObject({ code: 3, output: expect.stringContaining('403: Admins only.') })
  const broken = await deploy({ ...differing, 'POST /orders': (): Answer => [400, { detail: 'No.' }] })
  const { code, output } = await run('--url', broken.url)
  expect(output).toMatch(/POST \/orders was answered 400: No\.\nAnd then: DELETE .* 403: Admins only\./)
  expect(code).toBe(1)
})

test('tries the admin of development on no other machine, and leaves the customer there', async () => {
  const { asked, port } = await deploy({}, '0.0.0.0')
  const { code, output } = await run('--url', `http://${hostname()}:${port}`)
  expect(output).toContain('the customer stays')
  expect(asked.filter(what => what === 'POST /auth/login')).toHaveLength(1)
  expect(asked.filter(what => what.startsWith('DELETE'))).toEqual([])
  expect(code).toBe(0)
})

test('cleans up by the admin whose login it is given, and goes on without where that is refused', async () => {
  vi.stubEnv('SMOKE_ADMIN_EMAIL', 'root@feira.example').stubEnv('SMOKE_ADMIN_PASSWORD', 'geheim')
  try {
    const { url, asked } = await deploy({})
    const { code, output } = await run('--url', url)
    expect(output).not.toContain('geheim')
    expect(asked.slice(-2)).toEqual(['POST /auth/login', 'DELETE /users/customer'])
    expect(code).toBe(0)
    const logins: number[] = []
    const changed = await deploy({
      // The customer's own comes first.
      'POST /auth/login': () => (logins.push(1) === 1 ? [200, { access_token: 'token' }] : [401, { detail: 'No.' }]),
    })
    expect(await run('--url', changed.url)).toMatchObject({ code: 0, output: expect.stringContaining('stays') })
  } finally {
    vi.unstubAllEnvs()
  }
})

test('takes the first try that is still at work for no answer', async () => {
  const tries: number[] = []
  const { url } = await deploy({
    'POST /orders': () =>
      tries.push(1) === 1
        ? [409, { code: 'idempotency-in-flight', detail: 'The same request is being answered.' }]
        : [201, { id: 'order', status: 'pending' }],
  })
  expect((await run('--url', url)).code).toBe(0)
  expect(tries).toHaveLength(2)
})

test('cleans up when it is interrupted', async () => {
  const { url, asked } = await deploy({
    'GET /invoices?orderId=order': () => {
      process.emit('SIGINT')
      return never()
    },
  })
  const { code, output } = await run('--url', url)
  expect(output).toContain('Interrupted while waiting')
  expect(asked.slice(-3)).toEqual(['POST /orders/order/cancel', 'POST /auth/login', 'DELETE /users/customer'])
  expect(code).toBe(1)
})

test.each([
  [['--ulr', 'http://localhost'], /--ulr/],
  [['--url', 'shop'], /--url must be an address/],
  [['--email', 'nobody'], /--email must be/],
  [['--within', 'soon'], /--within must be/],
] as const)('does nothing when it was asked nonsense: %j', async (args, message) => {
  const { code, output } = await run(...args)
  expect(output).toMatch(message)
  expect(code).toBe(2)
})

test('explains itself', async () => {
  expect(await run('--help')).toMatchObject({ code: 0, output: expect.stringContaining('npm run smoke') })
})
