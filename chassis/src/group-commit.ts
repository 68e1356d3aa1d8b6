import { setTimeout as sleep } from 'node:timers/promises'
import type { Message } from '@feira/contracts'
import type { FastifyRequest } from 'fastify'
import { isConflict, isConnectionLost, isUniqueViolation } from './database-errors.ts'
import { idempotencyClaim, storedAnswer, type IdempotencyClaim } from './idempotency.ts'
import { outboxArrays, outboxColumns, outboxTypes, toOutboxRow, type OutboxRow } from './outbox.ts'
import { rejections } from './rejection.ts'
import type { Answer, GroupCommit, GroupCommitDefinition, GroupWrite, Query } from './service.ts'
import { currentTrace } from './trace.ts'
import type { Tracer } from './tracer.ts'

/** Statements in flight at a time, requests one statement writes, and requests that may wait for one. */
const maxInFlight = 2
const maxBatch = 128
const maxWaiting = 5_000

export interface GroupCommitOptions {
  readonly query: Query
  readonly tracer: Tracer
  /** Called after a commit that left messages in the outbox. */
  readonly onPublished: () => void
}

interface Item {
  readonly row: Readonly<Record<string, unknown>>
  readonly message: OutboxRow
  readonly claim: IdempotencyClaim | undefined
  readonly answer: Answer
}

interface Waiting extends Item {
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: unknown) => void
}

/**
 * Makes the {@link GroupCommit} of a service. Requests that are in flight at the same time are written by one statement,
 * in one commit; there is no timer, so a lone request waits for nobody. If the statement fails, each request is written
 * alone, so that a bad one fails alone.
 */
export function createGroupCommit(options: GroupCommitOptions): GroupCommit {
  return definition => {
    const writer = createWriter(definition, options.query)
    const collect = createCollector(items => writeAll(writer, items, options))
    return async <M extends Message, Body>(request: FastifyRequest, write: GroupWrite<M, Body>) => {
      const { row, message, payload, publish, answer } = write
      const span = currentTrace()?.sampled ? options.tracer.start(definition.name, spanOptions) : undefined
      try {
        const claim = idempotencyClaim(request)
        const settled = await collect({ row, message: toOutboxRow(message, payload, publish), claim, answer })
        span?.end()
        return settled as Answer<Body>
      } catch (error) {
        span?.end(error)
        throw error
      }
    }
  }
}

const spanOptions = {
  kind: 'client',
  attributes: { 'db.system.name': 'postgresql', 'db.operation.name': 'INSERT' },
} as const

function createCollector(write: (items: readonly Item[]) => Promise<(Answer | Error)[]>) {
  const waiting: Waiting[] = []
  let inFlight = 0
  const flush = async () => {
    inFlight++
    while (waiting.length > 0) {
      const batch = waiting.splice(0, maxBatch)
      const results = await write(batch).catch((error: unknown) => batch.map(() => error as Error))
      results.forEach((result, index) => {
        if (result instanceof Error) batch[index]?.reject(result)
        else batch[index]?.resolve(result)
      })
    }
    inFlight--
  }
  return (item: Item) =>
    new Promise<Answer>((resolve, reject) => {
      if (waiting.length >= maxWaiting) return reject(rejections.overloaded())
      waiting.push({ ...item, resolve, reject })
      // After the requests that arrived with this one have queued too.
      if (inFlight < maxInFlight) queueMicrotask(() => void (waiting.length > 0 && inFlight < maxInFlight && flush()))
    })
}

type Writer = (items: readonly Item[]) => Promise<ReadonlySet<string>>

async function writeAll(
  write: Writer,
  items: readonly Item[],
  options: GroupCommitOptions,
): Promise<(Answer | Error)[]> {
  // In one order everywhere, so that two statements with the same keys do not wait for each other in a circle.
  const sorted = items.toSorted((a, b) => compare(a.claim?.key, b.claim?.key))
  const accepted = await writeOrSplit(write, sorted, options.query)
  if (accepted.size > 0) options.onPublished()
  return Promise.all(items.map(item => settle(item, accepted.get(item), options.query)))
}

async function settle(item: Item, outcome: boolean | Error | undefined, query: Query): Promise<Answer | Error> {
  if (outcome instanceof Error) return outcome
  if (outcome || !item.claim) return item.answer
  return storedAnswer(query, item.claim).catch((error: unknown) => error as Error)
}

/** Whether each item was written (`true`), was a repetition (`false`), or failed. */
type Outcomes = Map<Item, boolean | Error>

async function writeOrSplit(write: Writer, items: readonly Item[], query: Query): Promise<Outcomes> {
  try {
    return outcomesOf(items, await write(items))
  } catch (error) {
    if (isConnectionLost(error)) return afterLostConnection(write, items, query, error as Error)
    if (items.length > 1) return splitUp(write, items, query)
    if (isConflict(error)) return writeOrSplit(write, items, query)
    if (isUniqueViolation(error) && (await committed(query, items)).size > 0) return outcomesOf(items, idsOf(items))
    return new Map(items.map(item => [item, error as Error]))
  }
}

async function splitUp(write: Writer, items: readonly Item[], query: Query): Promise<Outcomes> {
  const outcomes: Outcomes = new Map()
  for (const item of items) {
    for (const [key, outcome] of await writeOrSplit(write, [item], query)) outcomes.set(key, outcome)
  }
  return outcomes
}

// The statement may have committed before the connection broke: its messages in the outbox tell. What is not there is
// written again with the same ids, so a statement that still runs somewhere cannot lead to a second order.
async function afterLostConnection(
  write: Writer,
  items: readonly Item[],
  query: Query,
  lost: Error,
): Promise<Outcomes> {
  for (let pause = 50; pause <= 1_600; pause *= 2) {
    await sleep(pause)
    try {
      const done = await committed(query, items)
      const missing = items.filter(({ message }) => !done.has(message.id))
      const written = missing.length > 0 ? await write(missing) : new Set<string>()
      return outcomesOf(items, new Set([...done, ...written]))
    } catch (error) {
      if (isConnectionLost(error)) continue
      return splitUp(write, items, query)
    }
  }
  return new Map(items.map(item => [item, lost]))
}

async function committed(query: Query, items: readonly Item[]): Promise<Set<string>> {
  const { rows } = await query<{ id: string }>({
    text: 'select id from chassis.outbox where id = any($1::uuid[])',
    values: [[...idsOf(items)]],
  })
  return new Set(rows.map(row => row.id))
}

function outcomesOf(items: readonly Item[], accepted: ReadonlySet<string>): Outcomes {
  return new Map(items.map(item => [item, accepted.has(item.message.id)]))
}

function idsOf(items: readonly Item[]): Set<string> {
  return new Set(items.map(({ message }) => message.id))
}

function compare(a = '', b = ''): number {
  return a < b ? -1 : a > b ? 1 : 0
}

const claimColumns = { claim_scope: 'text', claim_key: 'text', claim_hash: 'text', claim_status: 'int', claim_headers: 'jsonb', claim_body: 'jsonb' } // prettier-ignore

/** Builds the one statement that writes a batch; a batch without keys gets a shorter one. */
function createWriter(definition: GroupCommitDefinition, query: Query): Writer {
  const withKeys = statement(definition, true)
  const withoutKeys = statement(definition, false)
  const columns = Object.keys(definition.columns)
  return async items => {
    const keyed = items.some(({ claim }) => claim !== undefined)
    const values = [
      ...outboxArrays(items.map(({ message }) => message)),
      ...columns.map(column => items.map(({ row }) => row[column] ?? null)),
      ...(keyed ? claimArrays(items) : []),
    ]
    const { rows } = await query<{ id: string }>({ ...(keyed ? withKeys : withoutKeys), values })
    return new Set(rows.map(row => row.id))
  }
}

function statement({ name, columns, statements }: GroupCommitDefinition, keyed: boolean) {
  const outboxNames = outboxColumns.split(', ').map(column => `outbox_${column}`)
  const names = [...outboxNames, ...Object.keys(columns), ...(keyed ? Object.keys(claimColumns) : [])]
  const types = [...outboxTypes, ...Object.values(columns), ...(keyed ? Object.values(claimColumns) : [])]
  const claimed = `claimed as (
    insert into chassis.idempotency_keys (scope, key, claim_id, request_hash, status, headers, body, subject_id)
    select claim_scope, claim_key, outbox_id, claim_hash, claim_status, claim_headers, claim_body, outbox_subject_id
    from input where claim_key is not null order by claim_scope, claim_key on conflict do nothing returning claim_id),
  accepted as (select * from input where claim_key is null or outbox_id in (select claim_id from claimed))`
  const text = `with input as (
    select * from unnest(${types.map((type, index) => `$${index + 1}::${type}[]`).join(', ')}) as t (${names.join(', ')})),
  ${keyed ? claimed : 'accepted as (select * from input)'},
  ${statements},
  outbox_rows as (insert into chassis.outbox (${outboxColumns}) select ${outboxNames.join(', ')} from accepted)
  select outbox_id as id from accepted`
  return { name: keyed ? `${name}-keyed` : name, text }
}

function claimArrays(items: readonly Item[]): unknown[][] {
  return [
    items.map(({ claim }) => claim?.scope ?? null),
    items.map(({ claim }) => claim?.key ?? null),
    items.map(({ claim }) => claim?.requestHash ?? null),
    items.map(({ answer }) => answer.status),
    items.map(({ claim, answer }) => (claim ? JSON.stringify(answer.headers ?? {}) : null)),
    items.map(({ claim, answer }) => (claim ? JSON.stringify(answer.body) : null)),
  ]
}
