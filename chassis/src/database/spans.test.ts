import type { ReadableSpan } from '@opentelemetry/sdk-trace'
import { DrizzleQueryError } from 'drizzle-orm/errors'
import { beforeEach, expect, test } from 'vitest'
import { Rejection } from '../rejection.ts'
import { createTracerFor, type Tracer } from '../telemetry/tracer.ts'
import { databaseSpans, endWith } from './spans.ts'

const spans: ReadableSpan[] = []
let tracer: Tracer
beforeEach(async () => {
  spans.length = 0
  const processor = { onStart() {}, onEnd: (span: ReadableSpan) => void spans.push(span) }
  tracer = await createTracerFor('notes', { ...processor, forceFlush: async () => {}, shutdown: async () => {} })
})

test.each([
  [
    'postgres://user:s3cret@db:6432/no%20tes',
    { 'db.namespace': 'no tes', 'server.address': 'db', 'server.port': 6432 },
  ],
  ['postgres://db/notes', { 'db.namespace': 'notes', 'server.address': 'db', 'server.port': 5432 }],
  ['postgres:///notes?host=/var/run', { 'db.namespace': 'notes' }],
])('of %s a span says where it is, and no secret', (url, attributes) => {
  databaseSpans(tracer, url)('TRANSACTION')().end()
  expect(spans[0]?.name).toBe(`TRANSACTION ${attributes['db.namespace']}`)
  expect(spans[0]?.attributes).toEqual({
    'db.system.name': 'postgresql',
    'db.operation.name': 'TRANSACTION',
    ...attributes,
  })
})

const refused = Object.assign(new Error('duplicate key value'), { code: '23505' })

test.each([
  ['PostgreSQL', refused, '23505', '23505'],
  ['PostgreSQL, through drizzle', new DrizzleQueryError('insert', ['s3cret'], refused), '23505', '23505'],
  ['the network', Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }), 'Error', undefined],
  ['the application', new Rejection('order-not-found', 404, 'No.'), 'Rejection', undefined],
])('a failure of %s is told by its kind, without the values of statements', (_whose, error, type, status) => {
  endWith(databaseSpans(tracer, 'postgres://db/notes')('TRANSACTION')(), error)
  expect(spans[0]?.status.code).toBe(2)
  expect(spans[0]?.attributes['error.type']).toBe(type)
  expect(spans[0]?.attributes['db.response.status_code']).toBe(status)
  expect(JSON.stringify([spans[0]?.status, spans[0]?.attributes])).not.toContain('s3cret')
})
