import { newId } from '@feira/chassis'
import { asCaller, asPartner, asUser } from '@feira/chassis/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openPartnership, type Partnership } from '../testing/partnership.ts'

let partnership: Partnership

beforeAll(async () => {
  partnership = await openPartnership()
})
afterAll(() => partnership[Symbol.asyncDispose]())

const read = async (id: string) => (await partnership.admin('GET', `/partners/${id}`)).json()

test('the first calls with a token make one partner of its claims, and later ones change nothing', async () => {
  const id = newId()
  const headers = asPartner(id, { name: 'Mercado Bom', email: 'compras@mercado.example' })
  const answers = await Promise.all([1, 2, 3, 4].map(() => partnership.call(headers)))
  expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200, 200])
  const partner = await read(id)
  expect(partner).toMatchObject({ id, name: 'Mercado Bom', email: 'compras@mercado.example', status: 'active' })
  await partnership.call(asPartner(id, { name: 'Outro' }))
  expect(await read(id)).toEqual(partner)
})

test.each([
  [{}, null, null],
  [{ name: 'a\0b', email: 'nobody' }, null, null],
  [{ name: 'x'.repeat(201), email: 7 }, null, null],
  [{ name: ' Ana ', email: 'ana@example.com' }, 'Ana', 'ana@example.com'],
])('of the claims %j counts what is sound', async (claims, name, email) => {
  const id = newId()
  expect((await partnership.call(asPartner(id, claims))).statusCode).toBe(200)
  expect(await read(id)).toMatchObject({ name, email })
})

test('an admin who is a partner too is one, and is not limited', async () => {
  const id = newId()
  const headers = asCaller({ sub: id, roles: ['admin', 'partner'] })
  const answers = await Promise.all(Array.from({ length: 15 }, () => partnership.call(headers)))
  expect(new Set(answers.map(({ statusCode }) => statusCode))).toEqual(new Set([200]))
  expect(await read(id)).toMatchObject({ id })
})

test('a user is no partner', async () => {
  const id = newId()
  expect((await partnership.call(asUser(id))).statusCode).toBe(403)
  expect((await partnership.admin('GET', `/partners/${id}`)).statusCode).toBe(404)
})
