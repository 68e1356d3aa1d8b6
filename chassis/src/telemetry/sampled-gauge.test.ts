import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { sampledGauge, sampler } from './sampled-gauge.ts'

/** A registry with one gauge of two labels and one without, of a source that a test answers for. */
function gauges() {
  const registry = new Registry()
  const source = { asked: 0, answer: async (): Promise<ReadonlyMap<string, number>> => new Map() }
  const sample = sampler(() => {
    source.asked++
    return source.answer()
  })
  sampledGauge(registry, {
    name: 'boxes',
    help: 'For tests.',
    labelNames: ['colour'],
    sample,
    read: boxes => [...boxes].map(([colour, count]) => [{ colour }, count] as const),
  })
  sampledGauge(registry, { name: 'colours', help: 'For tests.', sample, read: boxes => [[{}, boxes.size]] })
  const scrape = async () => (await registry.metrics()).split('\n').filter(line => line && !line.startsWith('#'))
  return { source, scrape }
}

const down = async () => {
  throw new Error('connection refused')
}

test('all gauges of a sample show one answer, and no more than it holds', async () => {
  const { source, scrape } = gauges()
  source.answer = async () => new Map([['red', 2], ['blue', 3]]) // prettier-ignore
  expect(await scrape()).toEqual(['boxes{colour="red"} 2', 'boxes{colour="blue"} 3', 'colours 2'])
  source.answer = async () => new Map([['blue', 1]])
  expect(await scrape()).toEqual(['boxes{colour="blue"} 1', 'colours 1'])
  expect(source.asked).toBe(2)
})

test('without an answer they are absent, and come back with the next', async () => {
  const { source, scrape } = gauges()
  source.answer = async () => new Map([['red', 2]])
  await scrape()
  source.answer = down
  expect(await scrape()).toEqual([])
  source.answer = async () => new Map([['red', 1]])
  expect(await scrape()).toEqual(['boxes{colour="red"} 1', 'colours 1'])
})

test('scrapes that come while an answer is awaited share it', async () => {
  const { source, scrape } = gauges()
  const { promise, resolve } = Promise.withResolvers<ReadonlyMap<string, number>>()
  source.answer = () => promise
  const scrapes = Array.from({ length: 50 }, scrape)
  resolve(new Map([['red', 2]]))
  for (const lines of await Promise.all(scrapes)) expect(lines).toEqual(['boxes{colour="red"} 2', 'colours 1'])
  expect(source.asked).toBe(1)
})

test('what is late is absent, and not asked for again before it has come', async () => {
  const { source, scrape } = gauges()
  const { promise, resolve } = Promise.withResolvers<ReadonlyMap<string, number>>()
  source.answer = () => promise
  expect(await scrape()).toEqual([])
  expect(await scrape()).toEqual([])
  expect(source.asked).toBe(1)
  resolve(new Map())
  await promise
  source.answer = async () => new Map([['red', 2]])
  expect(await scrape()).toEqual(['boxes{colour="red"} 2', 'colours 1'])
  expect(source.asked).toBe(2)
})
