import { randomBytes } from 'node:crypto'
import { startMailServer, type MailServer } from '@feira/local/src/mail/index.ts'
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest'
import { Feira } from './harness/feira.ts'
import { OtlpReceiver, type ExportedSpan } from './harness/otlp-receiver.ts'
import { freePort } from './harness/port.ts'
import { Shop } from './harness/shop.ts'
import { until } from './harness/until.ts'

vi.setConfig({ testTimeout: 90_000, hookTimeout: 120_000 })

const services = ['users', 'products', 'orders', 'invoices', 'notifications'] as const
const traced = ['app-invoices', 'app-notifications', 'app-orders', 'app-products']

let mail: MailServer
beforeAll(async () => void (mail = await startMailServer({ port: await freePort(), httpPort: await freePort() })))
afterAll(() => mail?.stop())

// One order, from the gateway to the e-mails, in each way of being traced.
describe.each([
  { mode: 'seams', drivers: [] },
  { mode: 'full', drivers: ['pg'] },
  { mode: 'auto', drivers: ['net', 'pg'] },
])('OTEL_INSTRUMENTATION=$mode', ({ mode, drivers }) => {
  const traceId = randomBytes(16).toString('hex')
  const gatewaySpan = randomBytes(8).toString('hex')
  let receiver: OtlpReceiver
  let feira: Feira

  beforeAll(async () => {
    receiver = await OtlpReceiver.start()
    feira = await Feira.start({
      databaseUrl: inject('databaseUrl'),
      brokerUrl: inject('brokerUrl'),
      services,
      tap: false,
      env: {
        OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
        OTEL_INSTRUMENTATION: mode,
        SMTP_URL: mail.url,
        LOG_LEVEL: 'info',
      },
    })
    const shop = new Shop(feira)
    const ana = await shop.register()
    const product = await shop.stock(10)
    // As Kong does, whose own span is the first.
    const traceparent = `00-${traceId}-${gatewaySpan}-01`
    await shop.orderOne({ ...ana, headers: { ...ana.headers, traceparent } }, product, 2)
    await until('the e-mails are sent and the trace has arrived', () => {
      const spans = receiver.trace(traceId)
      return sentOf(spans).length >= 2 && parentless(spans).length === 1
    })
  })
  afterAll(async () => {
    await feira?.tearDown()
    await receiver?.stop()
  })

  test('one tree holds every service, from the request to the e-mails', () => {
    const spans = receiver.trace(traceId)
    console.log(tree(spans, gatewaySpan).join('\n'))
    expect([...new Set(spans.map(({ service }) => service))].toSorted()).toEqual(traced)
  })
})

const sentOf = (spans: readonly ExportedSpan[]) => spans.filter(({ name }) => name.includes('notification.sent'))

/** Those whose parent was not exported. */
function parentless(spans: readonly ExportedSpan[]): ExportedSpan[] {
  const ids = new Set(spans.map(({ spanId }) => spanId))
  return spans.filter(({ parentId }) => parentId === undefined || !ids.has(parentId))
}

function tree(spans: readonly ExportedSpan[], parent: string, indent = ''): string[] {
  return spans
    .filter(({ parentId }) => parentId === parent)
    .flatMap(span => [`${indent}${span.service} ${span.name} [${span.kind} ${span.scope}] ${JSON.stringify(span.attributes)}`, ...tree(spans, span.spanId, indent + '  ')])
}
