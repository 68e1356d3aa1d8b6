import type { Rejection } from '@feira/chassis'
import { z } from 'zod'
import type { Taken } from './write-events.ts'

/** An answer is kept for the Idempotency-Key of its batch, so nobody makes it much longer than what they sent. */
const maxFields = 5
const maxDetail = 200

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
    error: error.optional().describe(`as POST /events would have answered it, with ${maxFields} fields at most`),
  })
  .meta({ id: 'BatchResult' })

/** What became of a batch, item by item. */
export const batchView = z
  .object({ accepted: z.int(), duplicates: z.int(), invalid: z.int(), items: z.array(resultView) })
  .meta({ id: 'BatchResults' })

export type Result = z.infer<typeof resultView>
export type Batch = z.infer<typeof batchView>

/** What became of an item that was written. */
export function resultOf(index: number, taken: Taken): Result {
  if ('refused' in taken) return invalid(index, taken.refused)
  return { index, status: taken.repeated ? 'duplicate' : 'accepted', id: taken.id }
}

/** What became of an item that was refused. */
export function invalid(index: number, { code, message: detail, fields }: Rejection): Result {
  const told = fields.slice(0, maxFields).map(({ field, message }) => ({ field, message }))
  return { index, status: 'invalid', error: { code, detail: clip(detail), fields: told } }
}

function clip(text: string): string {
  return text.length > maxDetail ? `${text.slice(0, maxDetail)}…` : text
}

/** The answer to a batch. */
export function summed(items: Result[]): Batch {
  const count = (status: Result['status']) => items.filter(item => item.status === status).length
  return { accepted: count('accepted'), duplicates: count('duplicate'), invalid: count('invalid'), items }
}
