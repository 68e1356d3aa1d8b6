import type { Message, Payload } from '@feira/contracts'
import type { z } from 'zod'
import { consume, type TransactionalConsumer } from './consumer.ts'
import type { Transaction } from '../service.ts'

/** Rows in memory, and in one transaction. */
const pageSize = 500

/** Says which kinds of aggregates somebody wants to have shown, and where to send them. */
interface SnapshotRequest {
  readonly requestId: string
  readonly kinds: string[]
  readonly replyQueue: string
  /** How far the owner has come; only in what it sends to itself. */
  readonly progress?: { readonly after: string; readonly sent: number } | undefined
}

interface SnapshotCompletion {
  readonly requestId: string
  readonly owner: string
  readonly kind: string
  readonly count: number
}

/** What a service shows of one kind of aggregates that it owns. */
export interface SnapshotAnswer<Row extends { readonly id: string }, Shown extends Message> {
  readonly requested: Message<z.ZodType<SnapshotRequest, SnapshotRequest>>
  readonly completed: Message<z.ZodType<SnapshotCompletion, SnapshotCompletion>>
  /** Shows one aggregate; its payload names the `requestId`. */
  readonly row: Shown
  /** As a request names it: a singular noun, e.g. `product`. */
  readonly kind: string
  /** The service, e.g. `products`. */
  readonly owner: string
  /** The rows that are to be shown, sorted by id: the first `limit` of those whose id is greater than `after`. */
  readonly readPage: (tx: Transaction, after: string | undefined, limit: number) => Promise<readonly Row[]>
  readonly toPayload: (row: Row) => Omit<Payload<Shown>, 'requestId'>
}

/**
 * The consumer by which a service shows all it owns of one kind to whoever asks, on that one's queue alone, and then says
 * how many that were. After each page it sends itself the request to go on: any number of rows is sent, each once, and no
 * transaction is long. What changes meanwhile is told by its own events.
 */
export function answerSnapshots<Row extends { readonly id: string }, Shown extends Message>(
  answer: SnapshotAnswer<Row, Shown>,
): TransactionalConsumer<unknown> {
  const { requested, completed, row: shown, kind, owner, readPage, toPayload } = answer
  const name = 'on-snapshot-requested'
  return consume(name, requested, async ({ data }, tx) => {
    const { requestId, kinds, replyQueue: queue, progress } = data
    if (!kinds.includes(kind)) return
    const page = await readPage(tx, progress?.after, pageSize)
    for (const row of page) tx.publish(shown, { ...toPayload(row), requestId } as Payload<Shown>, { queue })
    const sent = (progress?.sent ?? 0) + page.length
    const last = page.at(pageSize - 1)
    if (last) tx.publish(requested, { ...data, progress: { after: last.id, sent } }, { queue: `${owner}.${name}` })
    else tx.publish(completed, { requestId, owner, kind, count: sent }, { queue })
  })
}
