import type { Query } from '../service.ts'

/** Empties the personal fields of a subject's messages, whether they have left or not; they stay valid. */
export async function blankOutbox(query: Query, subjectId: string): Promise<void> {
  await query({ text: outboxText, values: [subjectId] })
}

const filledFields = `from unnest(string_to_array(personal_fields, ',')) as field where payload ->> field is not null`
const outboxText = `update chassis.outbox
  set payload = payload || (select jsonb_object_agg(field, null) ${filledFields})
  where subject_id = $1 and exists (select ${filledFields})`

/** What a repeated request finds in place of an answer that was about an erased subject. */
export const erasedStatus = 410

/** Empties the answers kept about a subject, with what their requests' bodies could be recognised by. */
export async function blankAnswers(query: Query, subjectId: string): Promise<void> {
  await query({
    text: `update chassis.idempotency_keys set status = $2, headers = null, body = null, request_hash = ''
           where subject_id = $1 and status is distinct from $2`,
    values: [subjectId, erasedStatus],
  })
}
