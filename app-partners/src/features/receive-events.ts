import { annotate, Rejection, sendAnswer, type Answer, type Route, type Transaction } from '@feira/chassis'
import { z } from 'zod'
import type { Config } from '../config.ts'
import { batchView, invalid, resultOf, summed, type Batch, type Result } from '../intake/batch-results.ts'
import { batchItem, type NewEvent } from '../intake/new-event.ts'
import { writeEvents, type Taken } from '../intake/write-events.ts'
import { limitPartner } from '../limits/limit-partner.ts'
import { partnerOf } from '../partners/partner-of.ts'

const maxEvents = 500

/** `POST /events/batch` → `partners.event` for each that is accepted. Whatever is wrong with one costs only that one. */
export const receiveEvents: Route<Config> = (app, resources) => {
  const schema = {
    summary: 'Send up to 500 events, each with a result of its own',
    tags: ['events'],
    body: z
      .array(batchItem, 'must be an array of events')
      .min(1, 'must hold at least one event')
      .meta({
        // What is none is taken as well, to be answered as such.
        items: { $ref: '#/$defs/NewEvent' },
        description: 'bodies of POST /events; whatever is none is answered as invalid',
        maxItems: maxEvents,
        examples: [
          [
            { tipo: 'VENDA', dados: { produto_id: 'CAFE-250', quantidade: 1, valor: 29.9 }, evento_id: 'venda-2' },
            { tipo: 'ATUALIZAÇÃO_ESTOQUE', dados: { produto_id: 'CAFE-250', quantidade: 40 } },
          ],
        ],
      }),
    response: { 202: batchView },
  }
  const options = {
    config: { access: ['partner'] },
    schema,
    onRequest: limitPartner(resources),
    // Before any item is looked at: half a million of them fit into a body, and would keep everybody waiting.
    preValidation: async ({ body }: { readonly body: unknown }) => {
      if (Array.isArray(body) && body.length > maxEvents) throw tooLarge(body.length)
    },
  }

  app.post('/events/batch', options, async (request, reply) => {
    const { id } = partnerOf(request)
    const { body } = request
    annotate({ partnerId: id, events: body.length })
    return sendAnswer(reply, await resources.transactOnce(request, tx => takeAll(tx, id, body)))
  })
}

function tooLarge(length: number): Rejection {
  return new Rejection('batch-too-large', 400, `A batch holds at most ${maxEvents} events; this one holds ${length}.`)
}

type Item = NewEvent | Rejection

async function takeAll(tx: Transaction, partnerId: string, items: readonly Item[]): Promise<Answer<Batch>> {
  const good = items.flatMap((item, index) => (item instanceof Rejection ? [] : [{ item, index }]))
  const taken = await writeEvents(
    tx,
    partnerId,
    good.map(({ item }) => item),
  )
  const results = items.map((item, index) => (item instanceof Rejection ? invalid(index, item) : undefined))
  good.forEach(({ index }, place) => (results[index] = resultOf(index, taken[place] as Taken)))
  return { status: 202, body: summed(results as Result[]) }
}
