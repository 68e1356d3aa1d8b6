import type { FastifyRequest } from 'fastify'
import { afterwards } from '../database/database.ts'
import { endWith, type DatabaseSpans } from '../database/spans.ts'
import { createCollector } from './collector.ts'
import { writeBatch, type Outcome } from './group-outcome.ts'
import { createWriter, type Item, type Writer } from './group-statement.ts'
import { findAnswer, idempotencyClaim, storedAnswer, type IdempotencyClaim } from './idempotency.ts'
import { toOutboxRow, type OutboxRow } from '../publishing/outbox.ts'
import { Rejection } from '../rejection.ts'
import type { Answer, GroupCommit, GroupWrite, Query } from '../service.ts'
import { inTrace, unrecordedTrace } from '../telemetry/trace.ts'

export interface GroupCommitOptions {
  readonly query: Query
  readonly spans: DatabaseSpans
  /** Called after a commit with the messages that it left in the outbox. */
  readonly onPublished: (messages: readonly OutboxRow[]) => void
}

/**
 * Makes the {@link GroupCommit} of a service. Requests that are in flight at the same time are written by one statement,
 * in one commit; there is no timer, so a lone request waits for nobody. If the statement fails, each request is written
 * alone, so that a bad one fails alone.
 */
export function createGroupCommit(options: GroupCommitOptions): GroupCommit {
  return definition => {
    const writer = createWriter(definition, options.query)
    const startSpan = options.spans('INSERT', definition.name)
    const collect = createCollector<Item, Answer>(items => answerTogether(writer, items, options))
    return async <Body>(request: FastifyRequest, prepare: () => Promise<GroupWrite<Body>>) => {
      const claim = idempotencyClaim(request)
      const prepared = await prepare().catch((error: unknown) => answeredBefore(claim, error, options.query))
      if (!('row' in prepared)) return prepared as Answer<Body>
      const { row, answer, afterCommit } = prepared
      const messages = messagesOf(prepared)
      const span = startSpan()
      try {
        const settled = await collect({ row, ...messages, claim, answer, afterCommit, trace: span.context })
        span.end()
        return settled as Answer<Body>
      } catch (error) {
        endWith(span, error)
        throw error
      }
    }
  }
}

// What is refused now may have been accepted the first time: a price may have changed since.
async function answeredBefore(claim: IdempotencyClaim | undefined, error: unknown, query: Query): Promise<Answer> {
  const answer = claim && error instanceof Rejection ? await findAnswer(query, claim) : undefined
  if (answer) return answer
  throw error
}

function messagesOf({ publish }: GroupWrite<unknown>): Pick<Item, 'message' | 'further'> {
  const messages: OutboxRow[] = []
  publish({ publish: (...message) => void messages.push(toOutboxRow(...message)) })
  const [message, ...further] = messages
  if (!message) throw new Error('a group commit publishes at least one message for each request')
  return { message, further }
}

/** A statement for many requests belongs to none of their traces. */
function answerTogether(write: Writer, items: readonly Item[], options: GroupCommitOptions) {
  const [first, second] = items
  const trace = first && !second ? first.trace : unrecordedTrace()
  return inTrace(trace, {}, () => answerAll(write, items, options))
}

async function answerAll(write: Writer, items: readonly Item[], { query, onPublished }: GroupCommitOptions) {
  const outcomes = await writeBatch(write, items, query)
  const written = items.filter(item => outcomes.get(item) === 'written')
  if (written.length > 0) onPublished(written.flatMap(({ message, further }) => [message, ...further]))
  for (const { afterCommit } of written) if (afterCommit) afterwards(afterCommit)
  return Promise.all(items.map(item => answerOf(item, outcomes.get(item) as Outcome, query)))
}

async function answerOf({ claim, answer }: Item, outcome: Outcome, query: Query): Promise<Answer | Error> {
  if (outcome instanceof Error) return outcome
  if (outcome === 'written') return answer
  if (!claim) return new Error('A request without an Idempotency-Key was taken for a repetition.')
  return storedAnswer(query, claim).catch((error: unknown) => error as Error)
}
