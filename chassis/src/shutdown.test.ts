import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { createLogger } from './telemetry/log.ts'
import { createShutdown, type Close } from './shutdown.ts'

const log = createLogger('test', { LOG_LEVEL: 'silent', DEBUG: false, LOG_FORMAT: 'json' })

test('phase follows phase, and the parts of one close together', async () => {
  const events: string[] = []
  const shutdown = createShutdown(5_000, log)
  const part = (name: string) => async () => {
    events.push(`${name} closes`)
    await sleep(20)
    events.push(`${name} is closed`)
  }
  shutdown.add('reports', 'tracer', part('tracer'))
  shutdown.add('connections', 'database', part('database'))
  shutdown.add('intake', 'http', part('http'))
  shutdown.add('relay', 'relay', part('relay'))
  shutdown.add('intake', 'consumers', part('consumers'))
  expect(shutdown.started).toBe(false)
  const running = shutdown.run()
  expect(shutdown.started).toBe(true)
  await running
  expect(events.slice(0, 2)).toEqual(['http closes', 'consumers closes'])
  expect(events.slice(4)).toEqual(
    ['relay', 'database', 'tracer'].flatMap(name => [`${name} closes`, `${name} is closed`]),
  )
})

test('what it waits for at first is part of its time', async () => {
  const startedAt = performance.now()
  let closedAt = startedAt
  const close = vi.fn<Close>(async () => void (closedAt = performance.now()))
  const shutdown = createShutdown(2_000, log)
  shutdown.add('intake', 'http', close)
  const running = shutdown.run(400)
  expect(shutdown.started).toBe(true)
  expect(close).not.toHaveBeenCalled()
  await running
  expect(closedAt - startedAt).toBeGreaterThan(390)
  expect(close.mock.calls[0]?.[0]).toBeLessThan(1_600)
})

test('runs once, however often it is asked', async () => {
  const close = vi.fn<Close>(async () => {})
  const shutdown = createShutdown(5_000, log)
  shutdown.add('intake', 'http', close)
  await Promise.all([shutdown.run(), shutdown.run()])
  await shutdown.run()
  expect(close).toHaveBeenCalledOnce()
})

test('a part that hangs or fails takes neither the time nor the turn of the others', async () => {
  const warn = vi.spyOn(log, 'warn')
  const close = vi.fn<Close>(async () => {})
  const shutdown = createShutdown(400, log)
  shutdown.add('intake', 'hangs', () => new Promise(() => {}))
  shutdown.add('relay', 'fails', async () => {
    throw new Error('no')
  })
  shutdown.add('connections', 'database', close)
  const startedAt = performance.now()
  await shutdown.run()
  expect(performance.now() - startedAt).toBeLessThan(1_000)
  expect(close).toHaveBeenCalledOnce()
  expect(close.mock.calls[0]?.[0]).toBeGreaterThan(20)
  expect(warn.mock.calls.map(([fields]) => fields)).toMatchObject([{ what: 'hangs' }, { what: 'fails' }])
})

test('reporting may take 2 s of a long time, and all of a short one', async () => {
  for (const [timeout, share] of [
    [60_000, 2_000],
    [500, 500],
  ] as const) {
    const close = vi.fn<Close>(async () => {})
    const shutdown = createShutdown(timeout, log)
    shutdown.add('reports', 'tracer', close)
    await shutdown.run()
    expect(close.mock.calls[0]?.[0]).toBeLessThanOrEqual(share)
    expect(close.mock.calls[0]?.[0]).toBeGreaterThan(share * 0.8)
  }
})
