import { z } from 'zod'
import { rejections } from '../rejection.ts'
import { findHostile } from './hostile-text.ts'

const limitMessage = 'must be a whole number from 1 to 100'

/** The query parameters of a list: spread it into the route's querystring schema. */
export const pageQuery = {
  limit: z
    .preprocess(
      text => (typeof text === 'string' && /^\d{1,3}$/.test(text) ? Number(text) : text),
      z.int({ error: limitMessage }).min(1, limitMessage).max(100, limitMessage),
    )
    .default(20)
    .describe('how many items at most, 20 when absent'),
  cursor: z.string().max(512).optional().describe('`nextCursor` of the page before'),
}

/** The schema of one page, named after its items. */
export function pageOf<Item extends z.ZodType>(item: Item) {
  const { id } = item.meta() ?? {}
  const nextCursor = z.string().nullable().describe('the `cursor` of the next page; null on the last')
  return z.object({ items: z.array(item), nextCursor }).meta(id === undefined ? {} : { id: `${id}Page` })
}

export interface Page<Item> {
  readonly items: Item[]
  readonly nextCursor: string | null
}

/** The sort key of a row, in the order of the list's `ORDER BY`. */
export type CursorKey = readonly (string | number | null)[]

/** Cuts `rows`, of which the caller has read `limit + 1`, to one page; `keyOf` gives the sort key of its last row. */
export function page<Row>(rows: readonly Row[], limit: number, keyOf: (row: Row) => CursorKey): Page<Row> {
  const items = rows.slice(0, limit)
  const last = items.at(-1)
  return { items, nextCursor: rows.length > limit && last !== undefined ? encodeCursor(keyOf(last)) : null }
}

/** Where the next page begins, as text that clients hand back unread. */
export function encodeCursor(key: CursorKey): string {
  return Buffer.from(JSON.stringify(key)).toString('base64url')
}

/**
 * The sort key inside a cursor, or undefined without a cursor. Clients can forge cursors, so `key` says what fits.
 * @throws Rejection `invalid-request` naming `cursor`.
 */
export function decodeCursor<Key>(cursor: string | undefined, key: z.ZodType<Key>): Key | undefined {
  if (cursor === undefined) return undefined
  const result = key.safeParse(parse(cursor))
  if (result.success) return result.data
  throw rejections.invalid([{ in: 'query', field: 'cursor', message: 'is not a cursor that this list gave out' }])
}

function parse(cursor: string): unknown {
  try {
    const key: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))
    // Encoded, it went past the checks that the rest of the URL was put to.
    return findHostile(key).length === 0 ? key : undefined
  } catch {
    return undefined
  }
}
