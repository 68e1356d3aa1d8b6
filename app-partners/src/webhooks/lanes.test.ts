import { BreakerOpen, Registry } from '@feira/chassis'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { openTelling, type Telling } from '../testing/telling.ts'
import { WebhookFailure } from './failure.ts'
import { createLanes, laneWidth, LaneBusy, maxLanes, type Turn } from './lanes.ts'

let telling: Telling

beforeAll(async () => {
  telling = await openTelling()
})
afterAll(() => telling[Symbol.asyncDispose]())

function lanesOf() {
  const metrics = new Registry()
  const lanes = createLanes({ metrics, log: telling.resources.log }, 10_000)
  onTestFinished(() => lanes.close())
  /** How many partners have a breaker in a state. */
  const breakers = async (state: string) => {
    const { values } = (await metrics.getSingleMetric('circuit_breaker_state')?.get()) ?? { values: [] }
    return values.find(({ labels }) => labels['state'] === state)?.value
  }
  return { lanes, metrics, breakers }
}

test('a partner has a bounded number of requests under way, whatever the others do', () => {
  const { lanes } = lanesOf()
  const turns = Array.from({ length: laneWidth }, () => lanes.enter('one'))
  expect(() => lanes.enter('one')).toThrow(LaneBusy)
  lanes.enter('other')
  turns[0]?.[Symbol.dispose]()
  lanes.enter('one')
  expect(() => lanes.enter('one')).toThrow(LaneBusy)
})

test('of those that a partner keeps waiting a hundred come back in a second, however many they are', () => {
  const { lanes } = lanesOf()
  for (let place = 0; place < laneWidth; place++) lanes.enter('slow')
  const startedAt = performance.now()
  const waits = Array.from({ length: 60_000 }, () => waitOf(() => lanes.enter('slow')))
  const took = performance.now() - startedAt
  for (const place of [1, 100, 2_000]) {
    expect(waits[place - 1]).toBeGreaterThan(10 * place - took - 1)
    expect(waits[place - 1]).toBeLessThan(10 * place + 1)
  }
  // Nobody waits for ever.
  expect(waits.at(-1)).toBeCloseTo(300_000)
  // Another partner's are not behind them.
  for (let place = 0; place < laneWidth; place++) lanes.enter('other')
  expect(waitOf(() => lanes.enter('other'))).toBeLessThan(11)
})

function waitOf(enter: () => unknown): number {
  try {
    enter()
  } catch (error) {
    if (error instanceof LaneBusy && error.wait !== undefined) return error.wait
    throw error
  }
  throw new Error('nobody was turned away')
}

test('the chassis puts back what finds its lane busy without using up an attempt', () => {
  const { lanes } = lanesOf()
  lanes.close()
  expect(() => lanes.enter('one')).toThrow(BreakerOpen)
})

test('while its target is left alone, an attempt of a partner fails like any other', async () => {
  const { lanes } = lanesOf()
  const turn = lanes.enter('one')
  await breakIn(turn)
  const unmade = await turn.ask(async () => 200).catch((error: unknown) => error)
  expect(unmade).toBeInstanceOf(WebhookFailure)
  expect(unmade).toMatchObject({ final: false })
  expect(await lanes.enter('other').ask(async () => 200)).toBe(200)
})

test('of many partners the ones that were told last have a breaker, and whoever is being told', async () => {
  const { lanes, metrics, breakers } = lanesOf()
  const answers = (partner: string) => lanes.enter(partner).ask(async () => 200)
  const busy = lanes.enter('busy')
  await breakIn(busy)
  for (const partner of ['first', 'last']) {
    using turn = lanes.enter(partner)
    await breakIn(turn)
  }
  for (let partner = 0; partner < maxLanes - 3; partner++) lanes.enter(`partner ${partner}`)[Symbol.dispose]()
  lanes.enter('last')[Symbol.dispose]()
  expect([await breakers('open'), await breakers('closed')]).toEqual([3, maxLanes - 3])
  lanes.enter('one more')[Symbol.dispose]()
  expect([await breakers('open'), await breakers('closed')]).toEqual([2, maxLanes - 2])
  expect((await metrics.metrics()).split('\n').filter(line => line && !line.startsWith('#'))).toHaveLength(4)
  expect(await answers('first')).toBe(200)
  for (const partner of ['busy', 'last']) await expect(answers(partner)).rejects.toThrow('failed too often')
})

/** Has the breaker of a partner open. */
async function breakIn(turn: Turn): Promise<void> {
  const down = async () => Promise.reject(new WebhookFailure('Answered 500.', { httpStatus: 500 }))
  for (let call = 0; call < 5; call++) await expect(turn.ask(down)).rejects.toThrow('Answered 500.')
}
