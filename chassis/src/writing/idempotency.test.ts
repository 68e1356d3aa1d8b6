import { setTimeout as sleep } from 'node:timers/promises'
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { z } from 'zod'
import { sendAnswer } from './idempotency.ts'
import { Rejection } from '../rejection.ts'
import type { Route, Transaction } from '../service.ts'
import { notesService } from '../testing/fixture/notes.ts'
import { startReplica } from '../testing/fixture/replica.ts'
import { startTestService, waitUntil, type TestService } from '../testing/index.ts'

let work: (tx: Transaction) => Promise<void> = async () => {}
let worked = 0

const write =
  (path: string): Route =>
  (app, { transactOnce }) => {
    const body = z.strictObject({ text: z.string() })
    app.post(path, { config: { access: 'public' }, schema: { body } }, async (request, reply) => {
      const answer = await transactOnce(request, async tx => {
        worked++
        const id = randomUUID()
        await tx.query({ text: 'insert into notes (id, body) values ($1, $2)', values: [id, request.body.text] })
        await work(tx)
        return { status: 201, headers: { location: `/notes/${id}` }, body: { id, text: request.body.text } }
      })
      return sendAnswer(reply, answer)
    })
  }
const definition = notesService({ routes: [write('/notes'), write('/others')] })

let service: TestService
beforeAll(async () => {
  service = await startTestService(definition)
})
beforeEach(async () => {
  work = async () => {}
  worked = 0
  await service.resources.query({ text: 'truncate notes, chassis.idempotency_keys' })
})
afterAll(() => service[Symbol.asyncDispose]())

function post(key: string | undefined, text = 'milk', { url = '/notes', http = service.http } = {}) {
  const headers = key === undefined ? {} : { 'idempotency-key': key }
  return http.inject({ method: 'POST', url, payload: { text }, headers })
}

async function countNotes(): Promise<number> {
  const { rows } = await service.resources.query<{ count: number }>({ text: 'select count(*)::int from notes' })
  return rows[0]?.count ?? -1
}

test('the same request again gets the same answer, and nothing is done', async () => {
  const first = await post('a')
  const again = await post('a')
  expect(first.statusCode).toBe(201)
  expect(again.statusCode).toBe(201)
  expect(again.json()).toEqual(first.json())
  expect(again.headers).toMatchObject({ location: first.headers['location'], 'idempotency-replayed': 'true' })
  expect(first.headers).not.toHaveProperty('idempotency-replayed')
  expect([worked, await countNotes()]).toEqual([1, 1])
})

test('without a key every request is its own', async () => {
  await Promise.all([post(undefined), post(undefined)])
  expect(await countNotes()).toBe(2)
})

test('a key belongs to its route', async () => {
  await post('a')
  expect((await post('a', 'milk', { url: '/others' })).headers).not.toHaveProperty('idempotency-replayed')
  expect(await countNotes()).toBe(2)
})

test('the same key with another body is refused', async () => {
  await post('a', 'milk')
  const other = await post('a', 'bread')
  expect(other.statusCode).toBe(422)
  expect(other.json()).toMatchObject({ code: 'idempotency-mismatch' })
  expect(await countNotes()).toBe(1)
})

test.each(['', 'a b', 'ä', 'x'.repeat(256)])('the key %j is refused', async key => {
  const refused = await post(key)
  expect(refused.statusCode).toBe(400)
  expect(refused.json().errors).toMatchObject([{ in: 'header', field: 'idempotency-key' }])
})

test('20 at once, on two instances, are one', async () => {
  await using replica = await startReplica(definition, service.env)
  work = () => sleep(20)
  const instances = Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? service : replica))
  const answers = await Promise.all(instances.map(({ http }) => post('a', 'milk', { http })))
  expect(new Set(answers.map(({ statusCode }) => statusCode))).toEqual(new Set([201]))
  expect(new Set(answers.map(({ body }) => body)).size).toBe(1)
  expect([worked, await countNotes()]).toEqual([1, 1])
})

test('a request that fails leaves its key free', async () => {
  work = async () => {
    throw new Rejection('not-now', 409, 'Not now.')
  }
  expect((await post('a')).statusCode).toBe(409)
  work = async () => {}
  expect((await post('a')).statusCode).toBe(201)
  expect(await countNotes()).toBe(1)
})

test('whoever waits 5 s for the first is told to come again', async () => {
  const { promise: opened, resolve: open } = Promise.withResolvers<void>()
  work = () => opened
  const first = post('a')
  await waitUntil('the first is at work', () => worked === 1)
  const second = await post('a')
  expect(second.statusCode).toBe(409)
  expect(second.json()).toMatchObject({ code: 'idempotency-in-flight' })
  expect(second.headers['retry-after']).toBe('1')
  open()
  expect((await first).statusCode).toBe(201)
  expect(await countNotes()).toBe(1)
})

test("a lock that the work itself does not get is not taken for the key's", async () => {
  work = async tx => {
    await tx.query({ text: `do $$ begin raise exception 'locked' using errcode = '55P03'; end $$` })
  }
  expect((await post('a')).statusCode).toBe(500)
})

test('an answer is kept even if what it spoke of is gone', async () => {
  const first = await post('a')
  await service.resources.query({ text: 'truncate notes' })
  expect((await post('a')).json()).toEqual(first.json())
})
