import { hash } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { callerIdOf } from '../auth/caller.ts'
import { errorCode } from '../database/database-errors.ts'
import { erasedStatus } from '../erasing/blank-rows.ts'
import { sameCase } from '../erasing/personal-data.ts'
import { newId } from '../ids.ts'
import { Rejection, rejections } from '../rejection.ts'
import type { Answer, Query, Transact, TransactOnce } from '../service.ts'

/** A request's claim to be the first with its Idempotency-Key. */
export interface IdempotencyClaim {
  /** Caller and route: the same key of another caller, or on another route, is another key. */
  readonly scope: string
  readonly key: string
  /** SHA-256 of the validated body and of what the path names, base64. */
  readonly requestHash: string
}

/**
 * The claim of a request, or `undefined` when it carries no Idempotency-Key.
 * @throws Rejection 400 when the key is not 1 to 255 visible ASCII characters.
 */
export function idempotencyClaim(request: FastifyRequest): IdempotencyClaim | undefined {
  const key = request.headers['idempotency-key']
  if (key === undefined) return undefined
  if (typeof key !== 'string' || !/^[\x21-\x7e]{1,255}$/.test(key)) {
    const message = 'must be 1 to 255 visible ASCII characters'
    throw rejections.invalid([{ in: 'header', field: 'idempotency-key', message }])
  }
  return {
    scope: `${callerIdOf(request) ?? 'anonymous'} ${request.method} ${request.routeOptions.url}`,
    key,
    requestHash: hash('sha256', contentOf(request), 'base64'),
  }
}

// The same key on `/orders/1/cancel` and `/orders/2/cancel` would otherwise get one answer for both.
function contentOf({ params, body = null }: FastifyRequest): string {
  const named = Object.keys(params ?? {}).length > 0
  return JSON.stringify(named ? [params, body] : body)
}

/** Makes the {@link TransactOnce} of a service. */
export function createTransactOnce(transact: Transact): TransactOnce {
  return async <Body>(request: FastifyRequest, work: Parameters<TransactOnce>[1]) => {
    const claim = idempotencyClaim(request)
    if (!claim) return (await transact(work)) as Answer<Body>
    const answer = await transact(async tx => {
      if (!(await claimKey(tx.query, claim))) return storedAnswer(tx.query, claim)
      const made = await work(tx)
      await storeAnswer(tx.query, claim, made)
      return made
    })
    return answer as Answer<Body>
  }
}

const lockNotAvailable = '55P03'

// While another transaction holds the same key, the insert waits for it: that is the wait for a duplicate in flight.
async function claimKey(query: Query, { scope, key, requestHash }: IdempotencyClaim): Promise<boolean> {
  const claiming = {
    name: 'idempotency-claim',
    text: `insert into chassis.idempotency_keys (scope, key, claim_id, request_hash) values ($1, $2, $3, $4)
           on conflict do nothing`,
    values: [scope, key, newId(), requestHash],
  }
  // The three travel together.
  const [, { rowCount }] = await Promise.all([
    query({ text: `set local lock_timeout = '5s'` }),
    query(claiming),
    query({ text: 'set local lock_timeout to default' }),
  ]).catch((error: unknown) => {
    throw errorCode(error) === lockNotAvailable ? rejections.idempotencyInFlight() : error
  })
  return rowCount === 1
}

async function storeAnswer(query: Query, { scope, key }: IdempotencyClaim, answer: Answer): Promise<void> {
  await query({
    name: 'idempotency-answer',
    text: `update chassis.idempotency_keys set status = $3, headers = $4, body = $5, subject_id = $6
           where scope = $1 and key = $2`,
    values: [
      scope,
      key,
      answer.status,
      JSON.stringify(answer.headers ?? {}),
      JSON.stringify(answer.body),
      sameCase(answer.subjectId ?? null),
    ],
  })
}

/**
 * The answer that the first request with this key got.
 * @throws Rejection 422 when that request had another body, 410 when whom the answer was about was erased, 409 when there
 * is none yet.
 */
export async function storedAnswer(query: Query, claim: IdempotencyClaim): Promise<Answer> {
  const stored = await findAnswer(query, claim)
  if (!stored) throw rejections.idempotencyInFlight()
  return stored
}

/** Like {@link storedAnswer}; undefined when there is none. */
export async function findAnswer(query: Query, claim: IdempotencyClaim): Promise<Answer | undefined> {
  const { scope, key, requestHash } = claim
  const { rows } = await query<{
    request_hash: string
    status: number
    headers: Record<string, string>
    body: unknown
  }>({
    name: 'idempotency-look',
    text: 'select request_hash, status, headers, body from chassis.idempotency_keys where scope = $1 and key = $2',
    values: [scope, key],
  })
  const [stored] = rows
  if (!stored) return undefined
  if (stored.status === erasedStatus) throw answerErased()
  if (stored.request_hash !== requestHash) throw rejections.idempotencyMismatch()
  return { status: stored.status, headers: { ...stored.headers, 'idempotency-replayed': 'true' }, body: stored.body }
}

function answerErased(): Rejection {
  const message = 'The answer to this request was about somebody whose data has been erased.'
  return new Rejection('answer-erased', erasedStatus, message)
}

/** Sends an answer as the reply to its request. */
export function sendAnswer(reply: FastifyReply, answer: Answer): FastifyReply {
  return reply
    .code(answer.status)
    .headers(answer.headers ?? {})
    .send(answer.body)
}
