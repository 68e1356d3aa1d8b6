import { sameCase } from '../erasing/personal-data.ts'
import type { IdempotencyClaim } from './idempotency.ts'
import { outboxArrays, outboxColumns, outboxTypes, type OutboxRow } from '../publishing/outbox.ts'
import type { Answer, GroupCommitDefinition, Query } from '../service.ts'

/** What one request writes. */
export interface Item {
  readonly row: Readonly<Record<string, unknown>>
  readonly message: OutboxRow
  readonly claim: IdempotencyClaim | undefined
  readonly answer: Answer
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

/** Builds the one statement that writes a batch; a batch without keys gets a shorter one. */
export function createWriter(definition: GroupCommitDefinition, query: Query): Writer {
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

const outboxNames = outboxColumns.split(', ').map(column => `outbox_${column}`)

// In one order everywhere, so that two statements with the same keys do not wait for each other in a circle.
const claimed = `claimed as (
    insert into chassis.idempotency_keys (scope, key, claim_id, request_hash, status, headers, body, subject_id)
    select claim_scope, claim_key, outbox_id, claim_hash, claim_status, claim_headers, claim_body, claim_subject
    from input where claim_key is not null order by claim_scope, claim_key on conflict do nothing returning claim_id),
  accepted as (select * from input where claim_key is null or outbox_id in (select claim_id from claimed))`

function statement({ name, columns, statements }: GroupCommitDefinition, keyed: boolean) {
  const names = [...outboxNames, ...Object.keys(columns), ...(keyed ? Object.keys(claimColumns) : [])]
  const types = [...outboxTypes, ...Object.values(columns), ...(keyed ? Object.values(claimColumns) : [])]
  const parameters = types.map((type, index) => `$${index + 1}::${type}[]`)
  const text = `with input as (select * from unnest(${parameters.join(', ')}) as t (${names.join(', ')})),
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
    items.map(({ answer, message }) => sameCase(answer.subjectId === undefined ? message.subjectId : answer.subjectId)),
  ]
}
