import {
  annotate,
  fieldsOf,
  Rejection,
  rejections,
  sendAnswer,
  type Answer,
  type Route,
  type Transaction,
} from '@feira/chassis'
import { z } from 'zod'
import type { Config } from '../config.ts'
import { newEvent, unknownType, type NewEvent } from '../intake/new-event.ts'
import { writeEvents, type Taken } from '../intake/write-events.ts'
import { limitPartner } from '../limits/limit-partner.ts'
import { partnerOf } from '../partners/partner-of.ts'

const maxEvents = 500

const error = z.object({
  code: z.string(),
  detail: z.string(),
  fields: z.array(z.object({ field: z.string(), message: z.string() })),
})

const resultView = z
  .object({
    index: z.int().describe('its place in the batch, 0 for the first'),
    status: z.enum(['accepted', 'duplicate', 'invalid']),
    id: z.uuid().optional().describe('of a duplicate, the event that it repeats'),
    error: error.optional().describe('as POST /events would have answered it'),
  })
  .meta({ id: 'BatchResult' })

const batchView = z
  .object({ accepted: z.int(), duplicates: z.int(), invalid: z.int(), items: z.array(resultView) })
  .meta({ id: 'BatchResults' })

type Result = z.infer<typeof resultView>
type Batch = z.infer<typeof batchView>

/** `POST /events/batch` → `partners.event` for each that is accepted. Whatever is wrong with one costs only that one. */
export const receiveEvents: Route<Config> = (app, resources) => {
  const schema = {
    summary: 'Send up to 500 events, each with a result of its own',
    tags: ['events'],
    body: z.array(z.unknown()).min(1, 'must hold at least one event').describe('bodies of POST /events'),
    response: { 202: batchView },
  }
  const options = { config: { access: ['partner'] }, schema, onRequest: limitPartner(resources) }

  app.post('/events/batch', options, async (request, reply) => {
    const { id } = partnerOf(request)
    const { body } = request
    if (body.length > maxEvents) throw tooLarge(body.length)
    annotate({ partnerId: id, events: body.length })
    return sendAnswer(reply, await resources.transactOnce(request, tx => takeAll(tx, id, body)))
  })
}

function tooLarge(length: number): Rejection {
  return new Rejection('batch-too-large', 400, `A batch holds at most ${maxEvents} events; this one holds ${length}.`)
}

async function takeAll(tx: Transaction, partnerId: string, items: readonly unknown[]): Promise<Answer<Batch>> {
  const read = items.map(readItem)
  const good = read.flatMap((item, index) => (item instanceof Rejection ? [] : [{ item, index }]))
  const taken = await writeEvents(
    tx,
    partnerId,
    good.map(({ item }) => item),
  )
  const results = read.map((item, index) => (item instanceof Rejection ? invalid(index, item) : undefined))
  good.forEach(({ index }, place) => (results[index] = resultOf(index, taken[place] as Taken)))
  return { status: 202, body: summed(results as Result[]) }
}

function readItem(item: unknown): NewEvent | Rejection {
  const parsed = newEvent.safeParse(item)
  if (parsed.success) return parsed.data
  return unknownType(item) ?? rejections.invalid(fieldsOf(parsed.error, 'body'))
}

function resultOf(index: number, taken: Taken): Result {
  if ('refused' in taken) return invalid(index, taken.refused)
  return { index, status: taken.repeated ? 'duplicate' : 'accepted', id: taken.id }
}

function invalid(index: number, { code, message: detail, fields }: Rejection): Result {
  const error = { code, detail, fields: fields.map(({ field, message }) => ({ field, message })) }
  return { index, status: 'invalid', error }
}

function summed(items: Result[]): Batch {
  const count = (status: Result['status']) => items.filter(item => item.status === status).length
  return { accepted: count('accepted'), duplicates: count('duplicate'), invalid: count('invalid'), items }
}
