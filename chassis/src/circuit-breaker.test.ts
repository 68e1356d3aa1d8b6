import { pino } from 'pino'
import { Registry } from 'prom-client'
import { expect, onTestFinished, test } from 'vitest'
import { BreakerOpen, BreakerTimeout, createBreaker, type BreakerOptions } from './circuit-breaker.ts'
import { perform } from './consuming/consumer.ts'
import { judge } from './consuming/failure.ts'
import { countOf, handledCount } from './testing/fixture/counts.ts'
import { effectsOf, leaveEffect, note, notesService, noteWritten, type NoteWritten } from './testing/fixture/notes.ts'
import { startTestService, waitUntil } from './testing/index.ts'

const silent = pino({ level: 'silent' })

/** A breaker around something that a test lets fail, succeed or hang. */
function breakerOf(options: BreakerOptions = {}, metrics = new Registry(), name = 'mail server', log = silent) {
  const remote = { calls: 0, act: async (text: string): Promise<string> => text }
  const act = (text: string) => {
    remote.calls++
    return remote.act(text)
  }
  const breaker = createBreaker(name, act, { metrics, log }, options)
  onTestFinished(() => breaker.close())
  return { breaker, remote, metrics }
}

const down = async () => {
  throw new Error('connection refused')
}
// The first call must never come through by time in a test that looks at the open state.
const patient = { resetTimeout: 60_000 }

test('passes arguments, results and errors through while it is closed', async () => {
  const { breaker, remote } = breakerOf()
  expect(await breaker.call('hello')).toBe('hello')
  remote.act = down
  await expect(breaker.call('hello')).rejects.toThrow('connection refused')
  expect(breaker.state).toBe('closed')
})

test('opens when half of five calls failed, and then calls nothing', async () => {
  const { breaker, remote, metrics } = breakerOf(patient)
  for (let call = 0; call < 2; call++) await breaker.call('fine')
  remote.act = down
  for (let call = 0; call < 2; call++) await expect(breaker.call('x')).rejects.toThrow('connection refused')
  expect(breaker.state).toBe('closed')
  await expect(breaker.call('x')).rejects.toThrow('connection refused')
  expect(breaker.state).toBe('open')
  await expect(breaker.call('x')).rejects.toBeInstanceOf(BreakerOpen)
  expect(remote.calls).toBe(5)
  expect(await countOf(metrics, 'circuit_breaker_rejections_total', { name: 'mail server' })).toBe(1)
  expect(await countOf(metrics, 'circuit_breaker_state', { name: 'mail server', state: 'open' })).toBe(1)
  expect(await countOf(metrics, 'circuit_breaker_state', { name: 'mail server', state: 'closed' })).toBe(0)
})

test('is counted no more when it is closed for good, however often', async () => {
  const { breaker, metrics } = breakerOf()
  const closed = () => countOf(metrics, 'circuit_breaker_state', { name: 'mail server', state: 'closed' })
  expect(await closed()).toBe(1)
  breaker.close()
  breaker.close()
  expect(await closed()).toBe(0)
})

test('those of one kind are counted together, whatever their names', async () => {
  const metrics = new Registry()
  const kind = { ...patient, kind: 'webhook', minimumCalls: 1 }
  const broken = breakerOf(kind, metrics, 'webhook of Ana')
  breakerOf(kind, metrics, 'webhook of Rui')
  broken.remote.act = down
  await expect(broken.breaker.call('x')).rejects.toThrow('connection refused')
  await expect(broken.breaker.call('x')).rejects.toThrow('webhook of Ana')
  const states = async (state: string) => countOf(metrics, 'circuit_breaker_state', { name: 'webhook', state })
  expect([await states('open'), await states('closed'), await states('half-open')]).toEqual([1, 1, 0])
  expect(await countOf(metrics, 'circuit_breaker_rejections_total', { name: 'webhook' })).toBe(1)
  expect(await metrics.metrics()).not.toContain('Ana')
  broken.breaker.close()
  expect([await states('open'), await states('closed')]).toEqual([0, 1])
})

test('stays closed while fewer than half fail', async () => {
  const { breaker, remote } = breakerOf(patient)
  for (let call = 0; call < 4; call++) await breaker.call('fine')
  remote.act = down
  for (let call = 0; call < 3; call++) await expect(breaker.call('x')).rejects.toThrow('connection refused')
  expect(breaker.state).toBe('closed')
})

test('half-open it lets one call try, and closes when that succeeds', async () => {
  const { breaker, remote, metrics } = breakerOf({ minimumCalls: 1, resetTimeout: 20 })
  remote.act = down
  await expect(breaker.call('x')).rejects.toThrow('connection refused')
  await waitUntil('it is half-open', () => breaker.state === 'half-open')
  expect(await countOf(metrics, 'circuit_breaker_state', { state: 'half-open' })).toBe(1)
  let answer = (_text: string) => {}
  remote.act = () => new Promise(resolve => (answer = resolve))
  const trial = breaker.call('again')
  await expect(breaker.call('meanwhile')).rejects.toBeInstanceOf(BreakerOpen)
  answer('better')
  expect(await trial).toBe('better')
  expect(breaker.state).toBe('closed')
})

test('half-open it opens again when the call fails', async () => {
  const { breaker, remote } = breakerOf({ minimumCalls: 1, resetTimeout: 20 })
  remote.act = down
  await expect(breaker.call('x')).rejects.toThrow('connection refused')
  await waitUntil('it is half-open', () => breaker.state === 'half-open')
  await expect(breaker.call('x')).rejects.toThrow('connection refused')
  expect(breaker.state).toBe('open')
})

test('of an outage the log tells the beginning and the end, not each trial', async () => {
  const lines: string[] = []
  const telling = pino({ base: null }, { write: line => void lines.push((JSON.parse(line) as { msg: string }).msg) })
  const { breaker, remote } = breakerOf({ minimumCalls: 1, resetTimeout: 20 }, new Registry(), 'mail server', telling)
  remote.act = down
  for (let trial = 0; trial < 3; trial++) {
    await expect(breaker.call('x')).rejects.toThrow('connection refused')
    await waitUntil('it is half-open', () => breaker.state === 'half-open')
  }
  remote.act = async text => text
  await breaker.call('x')
  expect(lines).toEqual(['circuit breaker opened', 'circuit breaker closed'])
})

test('a call that does not return counts as failed', async () => {
  const { breaker, remote } = breakerOf({ ...patient, minimumCalls: 1, timeout: 20 })
  remote.act = () => new Promise(() => {})
  const failed = await breaker.call('x').catch((error: unknown) => error)
  expect(failed).toBeInstanceOf(BreakerTimeout)
  // With a code of the network it would be taken for a lost database.
  expect(failed).not.toHaveProperty('code')
  expect(breaker.state).toBe('open')
})

test('an error that is an answer does not open it', async () => {
  const { breaker, remote } = breakerOf({ ...patient, minimumCalls: 1, isAnswer: error => error instanceof RangeError })
  remote.act = async () => {
    throw new RangeError('no such address')
  }
  for (let call = 0; call < 5; call++) await expect(breaker.call('x')).rejects.toThrow('no such address')
  expect(breaker.state).toBe('closed')
})

test('two breakers of a service share the metrics', async () => {
  const { metrics } = breakerOf()
  const { breaker, remote } = breakerOf({ ...patient, minimumCalls: 1 }, metrics, 'payments')
  remote.act = down
  await expect(breaker.call('x')).rejects.toThrow('connection refused')
  expect(await countOf(metrics, 'circuit_breaker_state', { name: 'payments', state: 'open' })).toBe(1)
  expect(await countOf(metrics, 'circuit_breaker_state', { name: 'mail server', state: 'open' })).toBe(0)
})

test('waiting for a breaker never uses up an attempt, not even the last', () => {
  const queues = {
    name: 'main',
    main: 'main',
    dead: 'dead',
    retries: [
      { name: 'first', delay: 20 },
      { name: 'second', delay: 40 },
    ],
  }
  const rejected = new BreakerOpen('mail server')
  expect(judge(rejected, 1, queues)).toEqual({ kind: 'retry', queue: 'first', attempt: 1 })
  expect(judge(rejected, 3, queues)).toEqual({ kind: 'retry', queue: 'second', attempt: 3 })
  expect(judge(new Error('refused'), 3, queues)).toEqual({ kind: 'dead', reason: 'attempts-exhausted' })
  const waiting = [0, 39, 40, 900].map(wait => judge(new BreakerOpen('mail server', wait), 3, queues))
  const to = (queue: string) => ({ kind: 'retry', queue, attempt: 3 })
  expect(waiting).toEqual([to('first'), to('first'), to('second'), to('second')])
})

test('a message whose call is rejected by an open breaker waits without using up its attempts', async () => {
  const { breaker, remote, metrics } = breakerOf({ minimumCalls: 1, resetTimeout: 300 })
  remote.act = down
  const onNote = perform('on-note', noteWritten, {
    claim: async (message: NoteWritten) => message,
    async act() {
      try {
        return await breaker.call('hello')
      } finally {
        // Down once: from then on only the breaker keeps the message from being handled.
        remote.act = async text => text
      }
    },
    settle: async (message, _result, tx) => leaveEffect(tx, message),
  })
  await using service = await startTestService(notesService({ consumers: [onNote] }))
  await service.deliver(noteWritten, note('a'))
  expect(await effectsOf(service.resources.query)).toEqual(['a'])
  expect(await handledCount(service, 'dead')).toBe(0)
  // The service retries twice.
  expect(await countOf(metrics, 'circuit_breaker_rejections_total')).toBeGreaterThan(2)
})
