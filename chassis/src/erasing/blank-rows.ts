import type { Query } from '../service.ts'

/** Empties the personal fields of a subject's messages, whether they have left or not; they stay valid. */
export async function blankOutbox(query: Query, subjectId: string): Promise<void> {
  await query({ text: outboxText, values: [subjectId] })
}

const filledFields = `from unnest(string_to_array(personal_fields, ',')) as field where payload ->> field is not null`
const blanking = `update chassis.outbox
  set payload = payload || (select jsonb_object_agg(field, null) ${filledFields}) where exists (select ${filledFields})`
const outboxText = `${blanking} and subject_id = $1`

/** Empties the personal fields of messages of which nobody knew whose they are, if they hold one of the mentions. */
export async function blankMentions(query: Query, mentions: readonly string[]): Promise<void> {
  if (mentions.length > 0) await query({ text: mentionsText, values: [mentions] })
}

const mentionsText = `${blanking} and subject_id is null and personal_fields is not null
  and exists (select from unnest($1::text[]) as mention where strpos(lower(payload::text), mention) > 0)`

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
