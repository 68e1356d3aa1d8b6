import { sameCase } from '../erasing/personal-data.ts'
import type { IdempotencyClaim } from './idempotency.ts'
import { outboxArrays, outboxColumns, outboxTypes, type OutboxRow } from '../publishing/outbox.ts'
import type { Answer, GroupCommitDefinition, Query } from '../service.ts'
import type { TraceContext } from '../telemetry/trace.ts'

/** What one request writes. */
export interface Item {
  readonly row: Readonly<Record<string, unknown>>
  /** Its id stands for the item. */
  readonly message: OutboxRow
  readonly further: readonly OutboxRow[]
  readonly claim: IdempotencyClaim | undefined
  readonly answer: Answer
  readonly afterCommit: (() => void) | undefined
  /** Of the request. */
  readonly trace: TraceContext
}

/** Writes items in one statement and one commit. @returns the message ids of those that no earlier request with the same key preceded. */
export type Writer = (items: readonly Item[]) => Promise<ReadonlySet<string>>

const claimColumns = {
  claim_scope: 'text',
  claim_key: 'text',
  claim_hash: 'text',
  claim_status: 'int',
  claim_headers: 'jsonb',
  claim_body: 'jsonb',
  claim_subject: 'text',
}

/** Builds the one statement that writes a batch; a batch without keys or further messages gets a shorter one. */
export function createWriter(definition: GroupCommitDefinition, query: Query): Writer {
  const columns = Object.keys(definition.columns)
  const withKeys = [statement(definition, 'keyed'), statement(definition, 'keyed', 'further')] as const
  const withoutKeys = [statement(definition), statement(definition, 'further')] as const
  return async items => {
    const keyed = items.some(({ claim }) => claim !== undefined)
    const further = items.some(each => each.further.length > 0)
    const [short, long] = keyed ? withKeys : withoutKeys
    const values = [
      ...outboxArrays(items.map(({ message }) => message)),
      ...columns.map(column => items.map(({ row }) => row[column] ?? null)),
      ...(keyed ? claimArrays(items) : []),
      ...(further ? furtherArrays(items) : []),
    ]
    const { rows } = await query<{ id: string }>({ ...(further ? long : short), values })
    return new Set(rows.map(row => row.id))
  }
}

const outboxNames = outboxColumns.split(', ').map(column => `outbox_${column}`)
const outboxInput = Object.fromEntries(outboxNames.map((name, index) => [name, outboxTypes[index] as string]))

// In one order everywhere, so that two statements with the same keys do not wait for each other in a circle.
const claimed = `claimed as (
    insert into chassis.idempotency_keys (scope, key, claim_id, request_hash, status, headers, body, subject_id)
    select claim_scope, claim_key, outbox_id, claim_hash, claim_status, claim_headers, claim_body, claim_subject
    from input where claim_key is not null order by claim_scope, claim_key on conflict do nothing returning claim_id),
  accepted as (select * from input where claim_key is null or outbox_id in (select claim_id from claimed))`

function statement({ name, columns, statements }: GroupCommitDefinition, ...parts: ('keyed' | 'further')[]) {
  const keyed = parts.includes('keyed')
  const input = { ...outboxInput, ...columns, ...(keyed ? claimColumns : {}) }
  const text = `with input as (${unnest(input)}),
  ${keyed ? claimed : 'accepted as (select * from input)'},
  ${statements},
  outbox_rows as (insert into chassis.outbox (${outboxColumns}) select ${outboxNames.join(', ')} from accepted
    ${parts.includes('further') ? furtherRows(Object.keys(input).length) : ''})
  select outbox_id as id from accepted`
  return { name: [name, ...parts].join('-'), text }
}

/** A relation made of parameters, one array for each column, the first of them after `before` others. */
function unnest(columns: Readonly<Record<string, string>>, before = 0): string {
  const arrays = Object.values(columns).map((type, index) => `$${before + index + 1}::${type}[]`)
  return `select * from unnest(${arrays.join(', ')}) as t (${Object.keys(columns).join(', ')})`
}

function furtherRows(before: number): string {
  return `union all select ${outboxNames.join(', ')} from (${unnest({ follows: 'uuid', ...outboxInput }, before)}) as further
    where follows in (select outbox_id from accepted)`
}

function furtherArrays(items: readonly Item[]): unknown[][] {
  const all = items.flatMap(({ message, further }) => further.map(row => ({ follows: message.id, row })))
  return [all.map(({ follows }) => follows), ...outboxArrays(all.map(({ row }) => row))]
}

function claimArrays(items: readonly Item[]): unknown[][] {
  return [
    items.map(({ claim }) => claim?.scope ?? null),
    items.map(({ claim }) => claim?.key ?? null),
    items.map(({ claim }) => claim?.requestHash ?? null),
    items.map(({ answer }) => answer.status),
    items.map(({ claim, answer }) => (claim ? JSON.stringify(answer.headers ?? {}) : null)),
    items.map(({ claim, answer }) => (claim ? JSON.stringify(answer.body) : null)),
    items.map(({ answer, message }) => sameCase(answer.subjectId === undefined ? message.subjectId : answer.subjectId)),
  ]
}
