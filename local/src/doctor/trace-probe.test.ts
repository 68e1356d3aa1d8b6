import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { reply } from './facts.testing.ts'
import { followTrace, isRecorded, newTrace } from './trace-probe.ts'

/** A Jaeger that answers one question after the other. @returns its address, and what it was asked. */
async function startJaeger(...answers: readonly { readonly status?: number; readonly services?: readonly string[] }[]) {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(request.url ?? '')
    const { status = 200, services = [] } = answers[Math.min(asked.length, answers.length) - 1] ?? {}
    const processes = Object.fromEntries(services.map((serviceName, index) => [`p${index}`, { serviceName }]))
    response.writeHead(status).end(JSON.stringify({ data: status === 200 ? [{ processes }] : null }))
  }).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  return { asked, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

test('waits until every part of the trace has arrived', async () => {
  const { url, asked } = await startJaeger(
    { status: 404 },
    { services: ['app-orders'] },
    { services: ['app-users', 'app-orders', 'kong'] },
  )
  const trace = newTrace()
  const { arrived } = await followTrace(trace, url, ['orders', 'users'])
  expect(arrived).toEqual(['users', 'orders', 'kong'])
  expect(asked).toEqual(Array.from({ length: 3 }, () => `/api/traces/${trace.traceId}`))
})

test('gives up waiting for what does not come', async () => {
  const { url } = await startJaeger({ services: ['app-orders'] })
  expect(await followTrace(newTrace(), url, ['orders', 'users'])).toMatchObject({ arrived: ['orders'] })
})

test('asks nobody when nothing is recorded, and does not take another program for Jaeger', async () => {
  const { url, asked } = await startJaeger({ status: 500 })
  expect(await followTrace(newTrace(), url, [])).toMatchObject({ arrived: undefined })
  expect(asked).toEqual([])
  expect(await followTrace(newTrace(), url, ['orders'])).toMatchObject({ arrived: undefined })
})

test('a service records the trace when it has a span of its own in it', () => {
  const trace = newTrace()
  const answer = (traceresponse: string) => isRecorded(reply('', { headers: { traceresponse } }), trace)
  expect(answer(`00-${trace.traceId}-00f067aa0ba902b7-01`)).toBe(true)
  expect(answer(`00-${trace.traceId}-00f067aa0ba902b7-00`)).toBe(false)
  expect(answer('00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01')).toBe(false)
  expect(answer(trace.headers.traceparent)).toBe(false)
  expect(isRecorded(reply(''), trace)).toBe(false)
})
