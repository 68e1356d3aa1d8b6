import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest'
import { consumerQueue, Feira } from './harness/feira.ts'
import { request } from './harness/http.ts'
import { run } from './harness/program.ts'

// Each command is a program of its own, a second's work for a processor.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 90_000 })

let feira: Feira

beforeAll(async () => {
  const services = ['users', 'orders', 'invoices', 'queries'] as const
  feira = await Feira.start({ databaseUrl: inject('databaseUrl'), brokerUrl: inject('brokerUrl'), services })
})
afterAll(() => feira?.tearDown())

const smoke = (...args: readonly string[]) => run(['local/start.mjs', 'smoke', '--url', feira.url, ...args], {})

/** What of all that customers leave behind there is. */
async function remains() {
  const list = async (path: string) => {
    const { status, body } = await request(`${feira.url}${path}`, { headers: feira.admin })
    expect(status).toBe(200)
    return (body as { items: Record<string, unknown>[] }).items
  }
  return {
    customers: await list('/users?search=smoke%2B'),
    orders: (await list('/orders')).map(({ status }) => status),
    invoices: (await list('/invoices')).map(({ status }) => status),
  }
}

describe('npm run smoke', () => {
  test('finds that the system works, and leaves nobody and nothing open behind', async () => {
    const { code, output } = await smoke()
    expect(output).toMatch(/an invoice comes +\d{4}-\d+[^]*the invoice is void[^]*the customer is deleted[^]*It works/)
    expect(code).toBe(0)
    expect(await remains()).toEqual({ customers: [], orders: ['cancelled'], invoices: ['void'] })
  })

  test('fails where no invoices come, though every service answers, and takes its order back', async () => {
    await stopIssuing()
    const { code, output } = await smoke('--within', '3')
    expect(output).toMatch(
      /Not within 3 s: order \S+ has an invoice that is issued[^]*app-invoices work\. Last seen: none/,
    )
    expect(code).toBe(1)
    expect(await remains()).toEqual({ customers: [], orders: ['cancelled', 'cancelled'], invoices: ['void'] })
  })
})

/** From now on app-invoices hears of no order. */
async function stopIssuing(): Promise<void> {
  const { broker } = feira
  await broker.withChannel(async channel => {
    await channel.unbindQueue(broker.queue(consumerQueue), broker.exchange, 'order.created')
  })
}
