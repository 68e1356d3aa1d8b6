import { spawnSync } from 'node:child_process'
import { METHODS, request } from 'node:http'
import { connect } from 'node:net'
import { newId } from '@feira/chassis'
import { asAdmin, asUser, parseExposition, scrape, type Family } from '@feira/chassis/testing'
import { stockReserved } from '@feira/contracts/products'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startShop, type Shop } from './testing/shop.ts'

let shop: Shop

beforeAll(async () => {
  shop = await startShop()
})
afterAll(() => shop[Symbol.asyncDispose]())

// CONNECT asks for no answer but a tunnel.
const methods = METHODS.filter(method => method !== 'CONNECT')
const noise = () => Math.random().toString(36).slice(2)
const paths: readonly (() => string)[] = [
  () => '/orders',
  () => `/orders?status=${noise()}&${noise()}=${noise()}`,
  () => `/orders/${newId()}`,
  () => `/orders/${noise()}`,
  () => `/orders/${newId()}/history`,
  () => `/orders/${newId()}/${noise()}`,
  () => `/${noise()}`,
  () => `/${noise()}/%zz`,
  () => `/orders/${'x'.repeat(300)}${noise()}`,
]
const credentials = [asAdmin(), asUser(newId()), {}]

/** The nth of a row that goes through every method with every path, and names something new each time. */
function ask(index: number): Promise<number> {
  const path = paths[index % paths.length]?.() ?? ''
  const method = methods[Math.trunc(index / paths.length) % methods.length]
  const headers = {
    ...credentials[Math.trunc(index / paths.length / methods.length) % credentials.length],
    'content-type': 'application/json',
    'user-agent': noise(),
    'x-correlation-id': noise(),
    'idempotency-key': noise(),
    traceparent: `00-${noise().padEnd(32, 'a').slice(0, 32)}-${noise()}-01`,
    [`x-${noise()}`]: noise(),
  }
  const content = { amount: 1 + (index % 100), ...(index % 2 ? { [noise()]: noise() } : {}) }
  const body = ['POST', 'PUT', 'PATCH'].includes(method ?? '') ? JSON.stringify(content) : ''
  return new Promise((resolve, reject) => {
    request(shop.url + path, { method, headers: { ...headers, 'content-length': body.length } }, answer =>
      answer.resume().once('end', () => resolve(answer.statusCode ?? 0)),
    )
      .once('error', reject)
      .end(body)
  })
}

/** Sends a request that is none of HTTP, and waits until it is hung up on. */
function mumble(): Promise<void> {
  return new Promise(resolve => {
    const socket = connect(Number(new URL(shop.url).port), '127.0.0.1')
    socket.resume().once('close', () => resolve())
    socket.end(`${noise().toUpperCase()} /${noise()} HTTP/1.1\r\nhost: ${noise()}\r\n\r\n`)
  })
}

async function askMany(from: number, count: number): Promise<Set<number>> {
  const statuses = new Set<number>()
  for (let index = from; index < from + count; index += 20) {
    const some = Array.from({ length: Math.min(20, from + count - index) }, (_, offset) => ask(index + offset))
    for (const status of await Promise.all(some)) statuses.add(status)
  }
  return statuses
}

/** The series that requests and messages may have made, each as one line. */
async function series(): Promise<string[]> {
  const families = (await scrape(shop)).filter(({ name }) => !/^(nodejs|process)_/.test(name))
  return families.flatMap(family => family.series.map(({ name, labels }) => `${name} ${JSON.stringify(labels)}`))
}

const valuesOf = (families: readonly Family[], family: string, label: string) => {
  const found = families.find(({ name }) => name === family)?.series ?? []
  return [...new Set(found.map(({ labels }) => labels[label] ?? ''))].toSorted((a, b) => (a < b ? -1 : 1))
}

describe('whatever is sent', () => {
  test('a thousand requests make no series that the first of their kind did not make', async () => {
    const all = paths.length * methods.length * credentials.length
    const seen = await askMany(0, all)
    await mumble()
    // Scrapes are requests, too.
    await scrape(shop)
    const before = await series()
    expect([...seen].toSorted((a, b) => a - b)).toEqual(expect.arrayContaining([200, 201, 400, 401, 404]))
    expect(before.length).toBeGreaterThan(100)
    await askMany(0, 1_000)
    for (let time = 0; time < 20; time++) await mumble()
    // A machine that is busy with other things may turn a request away.
    const added = (await series()).filter(line => !before.includes(line) && !line.includes('"status":"503"'))
    expect(added).toEqual([])
    const families = await scrape(shop)
    const label = (name: string) => valuesOf(families, 'http_request_duration_seconds', name)
    expect(label('method')).toEqual(['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT', '_OTHER'])
    for (const route of label('route')) expect(route).toMatch(/^(unmatched|\/[a-z/:]*)$/)
  }, 120_000)

  test('messages of any kind count for their queue alone', async () => {
    const odd = (index: number) =>
      shop.deliverRaw(stockReserved, `{"orderId": ${index}}`, { type: noise(), appId: noise() })
    await odd(0)
    const before = await series()
    for (let index = 1; index <= 20; index++) await odd(index)
    expect(await series()).toEqual(before)
  })
})

describe('the text of /metrics', () => {
  const read = async () => (await shop.http.inject('/metrics')).body

  test('is in the format of Prometheus', async () => {
    expect(parseExposition(await read()).length).toBeGreaterThan(40)
  })

  test('is found good by promtool', async context => {
    if (spawnSync('promtool', ['--version']).error) return context.skip('promtool is not installed')
    const { status, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: await read(), encoding: 'utf8' })
    // What it has to say of the names that prom-client gives is known, and not ours to change.
    const complaints = stderr.split('\n').filter(line => line !== '' && !/^(nodejs|process)_/.test(line))
    expect(complaints).toEqual([])
    // 3: read without a fault, with such remarks.
    expect([0, 3]).toContain(status)
  })
})
