import { expect } from 'vitest'
import { z } from 'zod'
import { consume } from '../consuming/consumer.ts'
import { Rejection } from '../rejection.ts'
import type { App, Resources, Service, Transaction } from '../service.ts'
import { notesService, noteWritten } from '../testing/fixture/notes.ts'

/** Holds every load between its read and its return while it is closed. */
export class Gate {
  /** Loads that are held now. */
  waiting = 0
  /** Loads since the beginning. */
  passed = 0
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
    this.passed++
  }
}

/** Writes a note and evicts it. */
export async function writeNote({ query, invalidate }: Transaction, id: string, text: string): Promise<void> {
  await query({
    text: 'insert into notes (id, body) values ($1, $2) on conflict (id) do update set body = excluded.body',
    values: [id, text],
  })
  invalidate(`note:${id}`)
}

/** A service that caches its notes, and changes them by request and by message. */
export function cachedNotes(gate = new Gate()): Service {
  const params = z.object({ id: z.string() })
  const body = z.object({ body: z.string() })
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
      await transact(tx => writeNote(tx, request.params.id, request.body.body))
      return reply.code(204).send()
    })
  }
  const onNote = consume('on-note', noteWritten, ({ data }, tx) => writeNote(tx, data.noteId, data.body))
  return notesService({ routes: [route], consumers: [onNote] })
}

interface Served {
  readonly http: App
}

/** @returns what a note says, and whether it came from the cache. */
export async function read({ http }: Served, id = 'a'): Promise<(string | undefined)[]> {
  const reply = await http.inject(`/notes/${id}`)
  expect(reply.statusCode).toBe(200)
  return [reply.json<{ body: string }>().body, reply.headers['x-cache']?.toString()]
}

export async function put({ http }: Served, text: string, id = 'a'): Promise<void> {
  expect((await http.inject({ method: 'PUT', url: `/notes/${id}`, payload: { body: text } })).statusCode).toBe(204)
}
