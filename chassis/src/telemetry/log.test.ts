import { PassThrough } from 'node:stream'
import { DrizzleQueryError } from 'drizzle-orm/errors'
import { expect, test } from 'vitest'
import { createLogger } from './log.ts'
import { annotate, inTrace } from './trace.ts'

const trace = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: false }

function logOf(settings: { LOG_LEVEL?: 'info' | 'error'; DEBUG?: boolean } = {}) {
  const written = new PassThrough()
  const log = createLogger('orders', { LOG_LEVEL: 'info', DEBUG: false, LOG_FORMAT: 'json', ...settings }, written)
  const lines = () =>
    String(written.read() ?? '')
      .split('\n')
      .filter(Boolean)
      .map(line => JSON.parse(line) as Record<string, unknown>)
  return { log, lines }
}

test('a line is one JSON object that says who, what and when', () => {
  const { log, lines } = logOf()
  log.info({ port: 3333 }, 'started')
  log.debug('not this')
  expect(lines()).toEqual([
    {
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      service: 'orders',
      port: 3333,
      msg: 'started',
    },
  ])
})

test('inside a message it carries its ids, and what was added on the way', async () => {
  const { log, lines } = logOf()
  const fields = { messageId: 'm', eventType: 'order.created', orderId: 'o', correlationId: 'c' }
  await inTrace(trace, fields, async () => {
    annotate({ invoiceId: 'i' })
    await Promise.resolve()
    log.info('inside')
  })
  log.info('outside')
  const [inside, outside] = lines()
  expect(inside).toMatchObject({
    messageId: 'm',
    eventType: 'order.created',
    orderId: 'o',
    correlationId: 'c',
    invoiceId: 'i',
    traceId: trace.traceId,
    spanId: trace.spanId,
  })
  expect(outside).not.toHaveProperty('traceId')
})

test('DEBUG is shorthand for the level', () => {
  const { log, lines } = logOf({ LOG_LEVEL: 'error', DEBUG: true })
  log.debug('this')
  expect(lines()).toMatchObject([{ level: 'debug', msg: 'this' }])
})

test('secrets and the values of statements are not written', () => {
  const { log, lines } = logOf()
  const driver = Object.assign(new Error('duplicate key value violates unique constraint "users_email"'), {
    detail: 'Key (email)=(s3cr3t) already exists.',
    where: 's3cr3t',
  })
  log.info({ body: { password: 's3cr3t', refresh_token: 's3cr3t' }, headers: { authorization: 'Bearer s3cr3t' } })
  log.info({ headers: { 'x-api-key': 's3cr3t' }, req: { headers: { 'x-api-key': 's3cr3t' } } })
  log.error({ err: driver }, 'failed')
  log.error({ err: new DrizzleQueryError('insert into users values ($1)', ['s3cr3t'], driver) }, 'failed')
  const text = JSON.stringify(lines())
  expect(text).not.toContain('s3cr3t')
  expect(text.match(/users_email/g)?.length).toBeGreaterThanOrEqual(2)
})
