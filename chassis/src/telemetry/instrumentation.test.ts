import { execFile } from 'node:child_process'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { answers } from '../testing/ports.ts'
import { parent } from '../testing/fixture/driver-calls.ts'
import { createTracer } from './tracer.ts'

const hasRedis = await answers(6379)

let server: Server
const requests: IncomingHttpHeaders[] = []
beforeAll(async () => {
  server = createServer(({ headers }, response) => (requests.push(headers), response.end()))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
})
afterAll(() => new Promise(resolve => server.close(resolve)))

interface Told {
  readonly name: string
  readonly scope: string
  readonly parentId: string | undefined
  readonly attributes: Readonly<Record<string, unknown>>
}

// In a process of its own: what is instrumented stays so, and what is loaded already is not.
async function spansOf(mode: string): Promise<Told[]> {
  const program = fileURLToPath(new URL('../testing/fixture/driver-calls.ts', import.meta.url))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const { stdout } = await promisify(execFile)(process.execPath, [program, mode, url, hasRedis ? 'redis://127.0.0.1:6379' : '']) // prettier-ignore
  return JSON.parse(stdout) as Told[]
}

describe.each([
  { mode: 'full', scopes: ['undici'] },
  { mode: 'auto', scopes: ['dns', 'net', 'undici'] },
])('$mode', ({ mode, scopes }) => {
  let spans: Told[]
  beforeAll(async () => {
    requests.length = 0
    spans = await spansOf(mode)
  })
  const of = (driver: string) => spans.filter(({ scope }) => scope === `@opentelemetry/instrumentation-${driver}`)

  test('tells what drivers do inside of a trace, and only that', () => {
    const seen = spans.map(({ scope }) => scope.replace('@opentelemetry/instrumentation-', ''))
    expect([...new Set(seen)].filter(name => name !== 'ioredis').toSorted()).toEqual(scopes)
    expect(of('undici')).toMatchObject([{ name: 'GET', parentId: parent.spanId }])
  })

  test('hands the trace on to who is called, and nothing else of it', () => {
    expect(requests.map(headers => headers['traceparent'])).toEqual([
      undefined,
      expect.stringMatching(`^00-${parent.traceId}-[0-9a-f]{16}-01$`),
    ])
    expect(requests.map(headers => headers['baggage'])).toEqual([undefined, undefined])
  })

  test('names the server that is called, and keeps the rest of the URL to itself', () => {
    expect(of('undici')[0]?.attributes).toMatchObject({
      'server.address': '127.0.0.1',
      'http.response.status_code': 200,
    })
    expect(JSON.stringify(spans)).not.toContain('s3cret')
  })

  test.skipIf(!hasRedis)('names commands of Redis, without what they are given', () => {
    expect(of('ioredis').map(({ attributes }) => attributes['db.query.text'])).toContain('eval')
    expect(JSON.stringify(of('ioredis'))).not.toContain('s3cret')
  })
})

test('a process that loaded its drivers before refuses, and says how to start it', async () => {
  const settings = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1', OTEL_TRACES_SAMPLER_ARG: 1 }
  const full = { ...settings, OTEL_INSTRUMENTATION: 'full' } as const
  await expect(createTracer('notes', full)).rejects.toThrow(/OTEL_INSTRUMENTATION.*npm start -- --processes/)
  const nowhere = await createTracer('notes', { ...full, OTEL_EXPORTER_OTLP_ENDPOINT: undefined })
  expect(nowhere.start('request', { kind: 'server' }).context.sampled).toBe(false)
})
