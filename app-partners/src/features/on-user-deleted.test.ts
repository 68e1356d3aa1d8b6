import { newId } from '@feira/chassis'
import { asPartner } from '@feira/chassis/testing'
import { userDeleted } from '@feira/contracts/users'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { everything, openPartnership, type Partnership } from '../testing/partnership.ts'

let partnership: Partnership

beforeAll(async () => {
  partnership = await openPartnership()
})
afterAll(() => partnership[Symbol.asyncDispose]())

const erase = (userId: string) =>
  partnership.deliver(userDeleted, { userId, version: 2, deletedAt: new Date().toISOString() })

/** An event of a partner, and what its webhook said, as they are once everything is over. */
async function leaveEvent(partnerId: string, text: string, code = 'order-cancelled'): Promise<void> {
  const [eventId, deliveryId] = [newId(), newId()]
  const { sql } = partnership
  await sql(
    `insert into events (id, partner_id, partner_reference, kind, data, content_hash, state, outcome, received_at, updated_at)
     values ($1, $2, $3, 'sale', $4, 'x', 'refused', $5, now(), now())`,
    eventId,
    partnerId,
    `pedido-${text}`,
    { produto_id: text },
    { code, detail: `returned by ${text}` },
  )
  await sql(
    `insert into event_steps (event_id, number, state, detail, at) values ($1, 1, 'refused', $2, now())`,
    eventId,
    `returned by ${text}`,
  )
  await sql(
    `insert into deliveries (id, event_id, partner_id, type, body, status, created_at, updated_at)
     values ($1, $2, $3, 'event.completed', $4, 'delivered', now(), now())`,
    deliveryId,
    eventId,
    partnerId,
    { about: text },
  )
  await sql(
    `insert into delivery_attempts (delivery_id, number, url, error, started_at) values ($1, 1, $2, $2, now())`,
    deliveryId,
    `https://${text}.example`,
  )
}

test('nothing of the person is left, their keys are revoked, and others are untouched', async () => {
  const [id, other] = [newId(), newId()]
  const person = { name: 'Nina Quintal', email: 'nina@quintal.example', webhookUrl: 'https://quintal.example/hooks' }
  await partnership.create({ ...person, userId: id })
  await partnership.create({ name: 'Outra', userId: other })
  const [theirs, others] = [await partnership.giveKey(id), await partnership.giveKey(other)]
  await partnership.admin('POST', `/partners/${id}/keys`, { label: 'caixa da Quintal' }, { 'idempotency-key': newId() })
  await leaveEvent(id, 'quintal')
  await leaveEvent(id, 'quintal-2', 'product-unknown')
  await leaveEvent(other, 'outra-loja')
  expect(await everything(partnership)).toMatch(/quintal/i)

  await erase(id)
  const left = await everything(partnership)
  expect(left).not.toMatch(/quintal/i)
  expect(left).toMatch(/outra-loja/)
  expect((await partnership.call(theirs.headers)).statusCode).toBe(401)
  expect((await partnership.call(others.headers)).statusCode).toBe(200)
  expect((await partnership.admin('GET', `/partners/${id}`)).statusCode).toBe(404)
})

test('an event that was erased has another ETag, once', async () => {
  const id = newId()
  await partnership.create({ userId: id })
  await leaveEvent(id, 'loja')
  const [event] = await partnership.sql('select id from events where partner_id = $1', id)
  const read = (etag: string) =>
    partnership.admin('GET', `/events/${String(event?.['id'])}`, undefined, { 'if-none-match': etag })
  const before = String((await read('""')).headers.etag)
  expect((await read(before)).statusCode).toBe(304)
  await erase(id)
  const erased = await read(before)
  expect(erased.json()).toMatchObject({ evento_id: null, dados: null, outcome: { detail: 'Erased.' } })
  await erase(id)
  expect((await read(String(erased.headers.etag))).statusCode).toBe(304)
})

test('a token that outlives its user makes no partner', async () => {
  const id = newId()
  await erase(id)
  const answer = await partnership.call(asPartner(id, { name: 'Nina', email: 'nina@example.com' }))
  expect(answer.json()).toMatchObject({ status: 401, code: 'token-invalid' })
  expect(await everything(partnership)).not.toContain('nina@example.com')
})
