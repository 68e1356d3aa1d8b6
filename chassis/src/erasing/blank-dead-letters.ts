import type { Query } from '../service.ts'
import { withoutPersonal } from './personal-data.ts'

/** The parts of a dead letter that may say something about a person. */
export interface LetterContent {
  readonly payload: string
  readonly error: string | null
  readonly headers: Readonly<Record<string, unknown>>
}

/**
 * A dead letter without what it says about its subject: it can still be replayed. Its error goes too, because errors
 * quote what they are about. What is not JSON is emptied altogether.
 */
export function withoutSubject(letter: LetterContent, fields: readonly string[]): LetterContent {
  const { 'x-error': _error, ...headers } = letter.headers
  return { payload: blankPayload(letter.payload, fields), error: null, headers }
}

/** A dead letter of which nothing is kept but where and why it died. */
export function emptied(): LetterContent {
  return { payload: '', error: null, headers: {} }
}

function blankPayload(payload: string, fields: readonly string[]): string {
  try {
    const data: unknown = JSON.parse(payload)
    if (typeof data === 'object' && data !== null) return JSON.stringify(withoutPersonal(data, fields))
  } catch {
    // Not JSON: nobody can tell where in it the person is.
  }
  return ''
}

interface Row extends LetterContent {
  readonly id: string
  readonly reason: string
  readonly subject_id: string | null
  readonly personal_fields: string | null
}

/**
 * Blanks the dead letters about a subject; empties those with one of the mentions, and malformed ones that name the
 * subject.
 * @param mentions see `mentionsOf`
 */
export async function blankDeadLetters(query: Query, subjectId: string, mentions: readonly string[]): Promise<void> {
  const { rows } = await query<Row & Record<string, unknown>>({ text: lettersText, values: [subjectId, mentions] })
  for (const row of rows) {
    const { payload, error, headers } = blanked(row, subjectId, mentions)
    await query({
      text: 'update chassis.dead_letters set payload = $2, error = $3, headers = $4 where id = $1',
      values: [row.id, payload, error, JSON.stringify(headers)],
    })
  }
}

const lettersText = `select id, reason, payload, error, headers, subject_id, personal_fields from chassis.dead_letters
  where payload <> '' and (subject_id = $1
    or reason = 'malformed' and strpos(lower(payload), $1) > 0
    or exists (select from unnest($2::text[]) as text
               where strpos(lower(payload || headers::text || coalesce(error, '')), text) > 0))
  for update`

function blanked(row: Row, subjectId: string, mentions: readonly string[]): LetterContent {
  if (row.subject_id !== subjectId || row.reason === 'malformed') return emptied()
  const letter = withoutSubject(row, row.personal_fields?.split(',') ?? [])
  const left = `${letter.payload}${JSON.stringify(letter.headers)}`.toLowerCase()
  return mentions.some(text => left.includes(text)) ? emptied() : letter
}
