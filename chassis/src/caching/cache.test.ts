import { expect, inject, test } from 'vitest'
import { z } from 'zod'
import { consume } from '../consuming/consumer.ts'
import { Rejection } from '../rejection.ts'
import type { App, Resources } from '../service.ts'
import { countOf } from '../testing/fixture/counts.ts'
import { note, notesService, noteWritten } from '../testing/fixture/notes.ts'
import { startReplica } from '../testing/fixture/replica.ts'
import { TcpProxy } from '../testing/fixture/tcp-proxy.ts'
import { startTestService, waitUntil } from '../testing/index.ts'

const body = z.object({ body: z.string() })
const params = z.object({ id: z.string() })

async function write(
  { query, invalidate }: Parameters<Parameters<Resources['transact']>[0]>[0],
  id: string,
  text: string,
) {
  await query({
    text: 'insert into notes (id, body) values ($1, $2) on conflict (id) do update set body = excluded.body',
    values: [id, text],
  })
  invalidate(`note:${id}`)
}

/** Holds every load between its read and its return while closed. */
class Gate {
  waiting = 0
  #opened = Promise.resolve()
  #open = () => {}

  close(): void {
    this.#opened = new Promise(resolve => (this.#open = resolve))
  }

  open(): void {
    this.#open()
  }

  async pass(): Promise<void> {
    this.waiting++
    await this.#opened
    this.waiting--
  }
}

function cachedNotes(gate = new Gate()) {
  const route = (app: App, { cache, query, transact }: Resources) => {
    app.get('/notes/:id', { config: { access: 'public' }, schema: { params } }, (request, reply) => {
      const { id } = request.params
      return cache.serve(reply, { key: `note:${id}`, tags: [`note:${id}`] }, async () => {
        const { rows } = await query<{ body: string }>({ text: 'select body from notes where id = $1', values: [id] })
        await gate.pass()
        if (!rows[0]) throw new Rejection('not-found', 404, 'There is no such note.')
        return { body: rows[0].body }
      })
    })
    app.put('/notes/:id', { config: { access: 'public' }, schema: { params, body } }, async (request, reply) => {
      await transact(tx => write(tx, request.params.id, request.body.body))
      return reply.code(204).send()
    })
  }
  const onNote = consume('on-note', noteWritten, ({ data }, tx) => write(tx, data.noteId, data.body))
  return notesService({ routes: [route], consumers: [onNote] })
}

interface Served {
  readonly http: App
}

async function read({ http }: Served, id = 'a') {
  const reply = await http.inject(`/notes/${id}`)
  return [reply.statusCode, reply.json<{ body?: string }>().body, reply.headers['x-cache']]
}

async function put({ http }: Served, text: string, id = 'a') {
  expect((await http.inject({ method: 'PUT', url: `/notes/${id}`, payload: { body: text } })).statusCode).toBe(204)
}

test('the second answer comes from the cache, until a transaction invalidates one of its tags', async () => {
  await using service = await startTestService(cachedNotes())
  await put(service, 'milk')
  expect(await read(service)).toEqual([200, 'milk', 'MISS'])
  expect(await read(service)).toEqual([200, 'milk', 'HIT'])
  await put(service, 'bread', 'b')
  expect(await read(service)).toEqual([200, 'milk', 'HIT'])
  await put(service, 'eggs')
  expect(await read(service)).toEqual([200, 'eggs', 'MISS'])
  const { metrics } = service.resources
  expect(await countOf(metrics, 'cache_answers_total', { result: 'hit' })).toBe(2)
  expect(await countOf(metrics, 'cache_answers_total', { result: 'miss' })).toBe(2)
  expect(await countOf(metrics, 'cache_entries')).toBe(1)
})
