import type { Message } from '@feira/contracts'
import { consume, type EraseOwn, type TransactionalConsumer } from '../consuming/consumer.ts'
import { every, type Job } from '../jobs.ts'
import type { Resources, Service, Transaction } from '../service.ts'
import { blankAnswers, blankMentions, blankOutbox } from './blank-rows.ts'
import { blankDeadLetters } from './blank-dead-letters.ts'
import { mentionsOf, sameCase } from './personal-data.ts'

/**
 * Pauses in seconds before the erasure of a subject is repeated: for what was written by transactions, and lay in queues,
 * that had not seen it. The last is longer than the longest handler, retries included.
 */
const sweepPauses = [2, 8, 50, 240]

/**
 * The consumer by which a service forgets a person. In one transaction it notes that the subject was erased, calls
 * `work` for the service's own tables, and blanks what the chassis keeps: personal fields in the outbox, answers to
 * idempotency keys, dead letters. It repeats that after about 2 s, 10 s, 1 min and 5 min for what was in flight, so
 * `work` must be idempotent. Later messages about the subject reach every handler with their personal fields null.
 * @param message says that the subject is to be erased; the subject is its aggregate.
 * @param work may return texts by which only this person is known, such as an e-mail address: dead letters that mention
 * one are blanked too, and so are messages in the outbox of which nobody knew whose they are.
 */
export function eraseSubject<Config = unknown>(
  name: string,
  message: Message,
  work: EraseOwn<Config>,
): TransactionalConsumer<Config> {
  const consumer = consume<Message, Config>(name, message, async ({ data }, tx, resources) => {
    const subjectId = sameCase(String((data as Record<string, unknown>)[message.aggregate.id]))
    await tx.query({ text: entombText, values: [subjectId, sweepPauses[0]] })
    await erase(subjectId, [work], tx, resources)
  })
  return { ...consumer, erase: work }
}

/** The job that repeats erasures, if the service has any to repeat. */
export function sweepJobs({ consumers }: Pick<Service, 'consumers'>): Job[] {
  const works = consumers.flatMap(consumer => (consumer.kind !== 'perform' && consumer.erase ? [consumer.erase] : []))
  if (works.length === 0) return []
  return [
    every('sweep-erased-subjects', '1s', async (resources: Resources<never>, signal) => {
      while (!signal.aborted && (await sweepNext(works, resources))) continue
    }),
  ]
}

// Being erased again starts its sweeps again.
const entombText = `insert into chassis.erased_subjects (subject_id, next_sweep_at)
  values ($1, now() + make_interval(secs => $2))
  on conflict (subject_id) do update set sweeps = 0, next_sweep_at = excluded.next_sweep_at`

async function erase<Config>(
  subjectId: string,
  works: readonly EraseOwn<Config>[],
  tx: Transaction,
  resources: Resources<Config>,
): Promise<void> {
  const texts: string[] = []
  for (const work of works) texts.push(...((await work(subjectId, tx, resources)) ?? []))
  const mentions = mentionsOf(texts)
  await blankOutbox(tx.query, subjectId)
  await blankMentions(tx.query, mentions)
  await blankAnswers(tx.query, subjectId)
  await blankDeadLetters(tx.query, subjectId, mentions)
}

/** @returns whether there was one to sweep. */
async function sweepNext(works: readonly EraseOwn[], resources: Resources<never>): Promise<boolean> {
  if ((await resources.query({ text: anyDueText })).rowCount === 0) return false
  let subjectId: string | undefined
  try {
    return await resources.transact(async tx => {
      const due = await tx.query<{ subject_id: string; sweeps: number }>({ text: dueText })
      const [tombstone] = due.rows
      if (!tombstone) return false
      subjectId = tombstone.subject_id
      await erase(subjectId, works, tx, resources)
      await tx.query({ text: sweptText, values: [subjectId, sweepPauses[tombstone.sweeps + 1] ?? null] })
      return true
    })
  } catch (error) {
    // The others must not wait behind one that fails.
    if (subjectId !== undefined) await resources.query({ text: postponeText, values: [subjectId] })
    throw error
  }
}

const anyDueText = 'select from chassis.erased_subjects where next_sweep_at <= now() limit 1'
// Another replica's is not waited for.
const dueText = `select subject_id, sweeps from chassis.erased_subjects where next_sweep_at <= now()
  order by next_sweep_at limit 1 for update skip locked`
const sweptText = `update chassis.erased_subjects
  set sweeps = sweeps + 1, next_sweep_at = now() + make_interval(secs => $2) where subject_id = $1`
const postponeText = `update chassis.erased_subjects set next_sweep_at = now() + interval '30 s' where subject_id = $1`
