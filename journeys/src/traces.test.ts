import { randomBytes } from 'node:crypto'
import { startMailServer, type MailServer } from '@feira/local/src/mail/index.ts'
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest'
import { Feira } from './harness/feira.ts'
import { OtlpReceiver, type ExportedSpan } from './harness/otlp-receiver.ts'
import { freePort } from './harness/port.ts'
import { until } from './harness/until.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 })

const services = ['orders', 'invoices', 'notifications'] as const
const chassis = '@feira/chassis'

let mail: MailServer
beforeAll(async () => void (mail = await startMailServer({ port: await freePort(), httpPort: await freePort() })))
afterAll(() => mail?.stop())

describe.each(['seams', 'full', 'auto'])(
  'with OTEL_INSTRUMENTATION=%s an order, from the gateway to its e-mails,',
  mode => {
    const traceId = randomBytes(16).toString('hex')
    const gatewaySpan = randomBytes(8).toString('hex')
    let receiver: OtlpReceiver
    let feira: Feira
    let spans: readonly ExportedSpan[]

    beforeAll(async () => {
      receiver = await OtlpReceiver.start()
      const traced = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_INSTRUMENTATION: mode }
      feira = await Feira.start({
        databaseUrl: inject('databaseUrl'),
        brokerUrl: inject('brokerUrl'),
        services,
        env: { ...traced, SMTP_URL: mail.url, LOG_LEVEL: 'info' },
      })
      // As Kong does, whose own span is the first of the trace.
      await feira.book.placeOne({ headers: { traceparent: `00-${traceId}-${gatewaySpan}-01` } })
      spans = await until('the e-mails are sent and all spans have arrived', () => {
        const arrived = receiver.trace(traceId)
        return named(arrived, /^publish .*notification\.sent$/).length === 2 && orphans(arrived).length === 1 && arrived
      })
    })
    afterAll(async () => {
      await feira?.tearDown()
      await receiver?.stop()
    })

    test('is one tree below the span of the gateway, with every service in it', () => {
      expect(orphans(spans)).toMatchObject([{ service: 'app-orders', kind: 'server', parentId: gatewaySpan }])
      expect(unique(spans.map(({ service }) => service))).toEqual(services.map(name => `app-${name}`).toSorted())
      expect(unique(spans.map(({ instance }) => instance))).toHaveLength(services.length)
    })

    test('leads from each e-mail through broker and outboxes back to the request', () => {
      const paths = named(spans, /^act email-workers$/).map(span => ancestors(spans, span).map(wireName))
      const requested = ['process notifications.email:notifications.email-workers', 'publish notifications.email']
      const ordered = ['publish order.created', 'POST /orders']
      const issued = ['publish invoice.issued', 'process order.created:invoices.on-order-created']
      expect(paths.toSorted((a, b) => a.length - b.length)).toEqual([
        [...requested, 'process order.created:notifications.on-customer-event', ...ordered],
        [...requested, 'process invoice.issued:notifications.on-customer-event', ...issued, ...ordered],
      ])
    })

    test('is told once: by one server span, and by one span of the sender and of each reader of a message', () => {
      expect(spans.filter(({ kind }) => kind === 'server')).toHaveLength(1)
      const passages = spans.filter(({ kind }) => kind === 'producer' || kind === 'consumer')
      expect(passages.length).toBeGreaterThanOrEqual(8)
      const told = passages.map(
        ({ kind, name, attributes }) => `${kind} ${name} ${String(attributes['messaging.message.id'])}`,
      )
      expect(unique(told)).toHaveLength(told.length)
    })

    test('shows what drivers did inside of it, and nothing that they did outside', () => {
      const drivers = spans.filter(({ scope }) => scope !== chassis)
      const statements = drivers.filter(({ scope }) => scope === '@opentelemetry/instrumentation-pg')
      expect(unique(statements.map(({ service }) => service))).toHaveLength(mode === 'seams' ? 0 : services.length)
      expect(drivers.length > 0).toBe(mode !== 'seams')
      for (const { parentId, service, name } of drivers) {
        expect(spans.find(({ spanId }) => spanId === parentId)?.service, name).toBe(service)
      }
      expect(unique(orphans(receiver.spans).map(({ scope }) => scope))).toEqual([chassis])
    })

    test('is found in the logs of every service by the ids of its spans', () => {
      for (const name of services) {
        const lines = logLines(feira.service(name).program.output).filter(line => line['traceId'] === traceId)
        const own = spans.filter(({ service }) => service === `app-${name}`).map(({ spanId }) => spanId)
        expect(lines.length, name).toBeGreaterThan(0)
        for (const { spanId, msg } of lines) expect([...own, gatewaySpan], String(msg)).toContain(spanId)
      }
    })

    test('gives away nobody who ordered', () => {
      expect(JSON.stringify(receiver.spans)).not.toMatch(/ana@example\.com|Ana Souza/)
    })
  },
)

const unique = (values: readonly string[]) => [...new Set(values)].toSorted()

const named = (spans: readonly ExportedSpan[], pattern: RegExp) => spans.filter(({ name }) => pattern.test(name))

/** Those whose parent was not exported. */
function orphans(spans: readonly ExportedSpan[]): ExportedSpan[] {
  const ids = new Set(spans.map(({ spanId }) => spanId))
  return spans.filter(({ parentId }) => parentId === undefined || !ids.has(parentId))
}

function ancestors(spans: readonly ExportedSpan[], { parentId }: ExportedSpan): ExportedSpan[] {
  const parent = spans.find(({ spanId }) => spanId === parentId)
  return parent ? [parent, ...ancestors(spans, parent)] : []
}

/** A span's name without what differs from run to run. */
const wireName = ({ name }: ExportedSpan) => name.replaceAll(/journey-[0-9a-f]+[.-]|feira\.events:/g, '')

function logLines(output: string): Record<string, unknown>[] {
  return output
    .split('\n')
    .filter(line => line.startsWith('{'))
    .map(line => JSON.parse(line) as Record<string, unknown>)
}
