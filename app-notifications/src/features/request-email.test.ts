import { newId } from '@feira/chassis'
import { asAdmin, asPartner, asUser, waitUntil } from '@feira/chassis/testing'
import { notificationsEmail } from '@feira/contracts/notifications'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startMailing, type Mailing } from '../testing/mailing.ts'

let mailing: Mailing

beforeAll(async () => {
  mailing = await startMailing()
})
afterAll(() => mailing[Symbol.asyncDispose]())

let count = 0
const somebody = () => `bia-${++count}@example.com`
const request = (payload: object, headers: object = asAdmin()) =>
  mailing.notifications.http.inject({ method: 'POST', url: '/notifications/email', payload, headers: { ...headers } })
const wanted = (fields: object = {}) => ({ to: somebody(), subject: 'Aviso', body: 'Olá!\n\nTudo bem?', ...fields })

test('an e-mail that an admin asks for is accepted and sent', async () => {
  const body = wanted()
  const answer = await request(body)
  expect(answer.statusCode, answer.body).toBe(202)
  const { id, status } = answer.json()
  expect(status).toBe('pending')
  expect(answer.headers.location).toBe(`/notifications/${id}`)
  const read = async () =>
    (await mailing.notifications.http.inject({ url: `/notifications/${id}`, headers: asAdmin() })).json()
  await waitUntil('it is sent', async () => (await read()).status === 'sent')
  expect(await read()).toMatchObject({
    id,
    channel: 'email',
    priority: 'normal',
    recipient: body.to,
    subject: body.subject,
    text: body.body,
    html: null,
    userId: null,
    attempts: 1,
    lastError: null,
    sentAt: expect.any(String),
  })
  expect(mailing.mail.to(body.to)).toMatchObject([{ subject: 'Aviso', text: 'Olá!\n\nTudo bem?\n' }])
})

test.each([
  ['low', 'normal', null],
  ['normal', 'normal', null],
  ['high', 'high', 'notifications.email-workers-high'],
])('priority %s is treated as %s', async (priority, treated, queue) => {
  const { id } = (await request(wanted({ priority }))).json()
  const [work] = await mailing.sql(
    `select queue, payload from chassis.outbox where payload ->> 'notificationId' = $1`,
    id,
  )
  expect(work).toMatchObject({ queue, payload: { priority: treated } })
})

test('with an Idempotency-Key it is sent once, however often it is asked for', async () => {
  const [body, headers] = [wanted(), { ...asAdmin(), 'idempotency-key': newId() }]
  const answers = await Promise.all([request(body, headers), request(body, headers), request(body, headers)])
  expect(answers.map(({ statusCode }) => statusCode)).toEqual([202, 202, 202])
  expect(new Set(answers.map(({ body }) => body)).size).toBe(1)
  await waitUntil('it is sent', () => mailing.mail.to(body.to).length > 0)
  const works = (await mailing.notifications.published(notificationsEmail)).filter(({ to }) => to === body.to)
  expect(works).toHaveLength(1)
  expect((await request({ ...body, subject: 'Outro' }, headers)).statusCode).toBe(422)
})

describe('refused, naming the field', () => {
  test.each<[string, object]>([
    ['to', { to: 'ana' }],
    ['to', { to: 'ana@example.com\r\nBcc: all@example.com' }],
    ['to', { to: 'ana@example.com,bob@example.com' }],
    ['to', { to: 'Ana <ana@example.com>' }],
    ['to', { to: `${'a'.repeat(60)}@${'b'.repeat(200)}.example` }],
    ['to', { to: ['ana@example.com'] }],
    ['to', { to: undefined }],
    ['subject', { subject: '' }],
    ['subject', { subject: '   ' }],
    ['subject', { subject: 'Hi\r\nBcc: all@example.com' }],
    ['subject', { subject: 'Hi\u2028there' }],
    ['subject', { subject: 'a'.repeat(201) }],
    ['body', { body: '' }],
    ['body', { body: 'a'.repeat(100_001) }],
    ['priority', { priority: 'urgent' }],
    ['html', { html: '<p>' }],
  ])('%s of %j', async (field, fields) => {
    const answer = await request(wanted(fields))
    expect(answer.statusCode, answer.body).toBe(400)
    expect(answer.json()).toMatchObject({ code: 'invalid-request' })
    expect(answer.body).toContain(field)
  })
})

test('only admins may ask', async () => {
  expect((await request(wanted(), {})).statusCode).toBe(401)
  expect((await request(wanted(), { authorization: 'Bearer no.such.token' })).statusCode).toBe(401)
  expect((await request(wanted(), asUser())).statusCode).toBe(403)
  expect((await request(wanted(), asPartner())).statusCode).toBe(403)
})
