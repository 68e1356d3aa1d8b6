import type { Message } from '@feira/contracts'
import type { Query } from '../service.ts'

/** Whose personal data a message holds; `null` when it holds nobody's. */
export function subjectOf({ personal }: Pick<Message, 'personal'>, data: unknown): string | null {
  if (!personal || typeof data !== 'object' || data === null) return null
  const subject = (data as Record<string, unknown>)[personal.subject]
  return typeof subject === 'string' ? sameCase(subject) : null
}

/** An id as it is compared: other publishers may write the same UUID in capitals (RFC 9562 §4). */
export function sameCase<Id extends string | null>(subjectId: Id): Id {
  return (subjectId === null ? null : subjectId.toLowerCase()) as Id
}

/** The same data without what it says about its subject: a contract lets these fields be null. */
export function withoutPersonal<Data extends object>(data: Data, fields: readonly string[]): Data {
  const blank = fields.filter(field => field in data).map(field => [field, null] as const)
  return { ...data, ...Object.fromEntries(blank) }
}

/** How texts by which a person is known look in lower-cased JSON, which writes some characters otherwise. */
export function mentionsOf(texts: readonly string[]): string[] {
  const lower = texts.filter(text => text.trim() !== '').map(text => text.toLowerCase())
  return [...new Set(lower.flatMap(text => [text, JSON.stringify(text).slice(1, -1)]))]
}

/** Those of the subjects that were erased; asks only if there are any. */
export async function findErased(query: Query, subjects: readonly (string | null)[]): Promise<ReadonlySet<string>> {
  const known = subjects.filter(subject => subject !== null)
  if (known.length === 0) return new Set()
  const { rows } = await query<{ subject_id: string }>({
    name: 'erased-look',
    text: 'select subject_id from chassis.erased_subjects where subject_id = any($1::text[])',
    values: [known],
  })
  return new Set(rows.map(row => row.subject_id))
}
