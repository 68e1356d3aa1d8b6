import { z } from 'zod'
import { countReplayable, isTooOld, replayDeadLetters, type ReplaySelection } from './consuming/dead-letters.ts'
import { Rejection, rejections } from './rejection.ts'
import type { App, Query } from './service.ts'

const deadLetter = z
  .object({
    id: z.uuid(),
    queue: z.string(),
    messageId: z.string(),
    type: z.string(),
    reason: z.string(),
    error: z.string().nullable(),
    attempts: z.int(),
    fingerprint: z.string(),
    traceId: z.string().nullable(),
    aggregateId: z.string().nullable(),
    payload: z.string(),
    diedAt: z.date(),
    replayedAt: z.date().nullable(),
  })
  .meta({ id: 'DeadLetter' })

const group = z
  .object({
    fingerprint: z.string(),
    queue: z.string(),
    type: z.string(),
    reason: z.string(),
    error: z.string().nullable(),
    count: z.int(),
    firstDiedAt: z.date(),
    lastDiedAt: z.date(),
    newestId: z.uuid(),
  })
  .meta({ id: 'DeadLetterGroup' })

const replayBody = z
  .strictObject({ fingerprint: z.string().optional(), all: z.literal(true).optional(), dryRun: z.boolean().optional() })
  .refine(
    ({ fingerprint, all }) => (fingerprint === undefined) !== (all === undefined),
    'give fingerprint or all: true',
  )
  .meta({ examples: [{ all: true, dryRun: true }] })

const config = { access: ['admin'] }
const params = z.object({ id: z.uuid() })
const replayed = z.object({ replayed: z.int() })
const replayedMany = replayed.partial().extend({ wouldReplay: z.int().optional() })
const documented = (operationId: string, summary: string) => ({ operationId, summary, tags: ['ops'] })

/** `/ops`: what operators look at and repair. Only on the service's own port: the gateway does not route it. */
export function opsRoutes(query: Query, onPublished: () => void, maxAge: number): (app: App) => void {
  const replay = async (selection: ReplaySelection) => {
    const count = await replayDeadLetters(query, selection, maxAge)
    if (count > 0) onPublished()
    return { replayed: count }
  }
  return app => {
    app.get(
      '/ops/dead-letters',
      {
        config,
        schema: {
          ...documented('listDeadLetters', 'Group the dead letters by what they died of'),
          response: { 200: z.object({ groups: z.array(group) }) },
        },
      },
      async () => ({ groups: (await query<z.infer<typeof group>>({ text: groupsText })).rows }),
    )
    app.get(
      '/ops/dead-letters/:id',
      {
        config,
        schema: { ...documented('getDeadLetter', 'Read one dead letter'), params, response: { 200: deadLetter } },
      },
      async request => {
        const { id } = request.params
        const { rows } = await query<z.infer<typeof deadLetter>>({ text: `${lettersText} where id = $1`, values: [id] })
        if (!rows[0]) throw rejections.notFound('dead-letter', id)
        return rows[0]
      },
    )
    app.post(
      '/ops/dead-letters/:id/replay',
      {
        config,
        schema: { ...documented('replayDeadLetter', 'Replay one dead letter'), params, response: { 200: replayed } },
      },
      async request => {
        const { id } = request.params
        const result = await replay({ id })
        if (result.replayed === 0) throw (await isTooOld(query, id, maxAge)) ? tooOld(id) : notReplayable(id)
        return result
      },
    )
    app.post(
      '/ops/dead-letters/replay',
      {
        config,
        schema: {
          ...documented('replayDeadLetters', 'Replay those of a fingerprint, or all'),
          body: replayBody,
          response: { 200: replayedMany },
        },
      },
      async request => {
        const { fingerprint, dryRun } = request.body
        const selection: ReplaySelection = fingerprint === undefined ? { all: true } : { fingerprint }
        return dryRun ? { wouldReplay: await countReplayable(query, selection, maxAge) } : replay(selection)
      },
    )
    app.delete(
      '/ops/dead-letters/:id',
      {
        config,
        schema: { ...documented('deleteDeadLetter', 'Delete one dead letter'), params, response: { 204: z.void() } },
      },
      async (request, reply) => {
        const { id } = request.params
        const { rowCount } = await query({ text: 'delete from chassis.dead_letters where id = $1', values: [id] })
        if (rowCount === 0) throw rejections.notFound('dead-letter', id)
        return reply.code(204).send()
      },
    )
  }
}

function tooOld(id: string): Rejection {
  const reason = 'is older than what the inbox remembers (INBOX_RETENTION): a copy of it may have been handled already'
  return new Rejection('too-old-to-replay', 409, `Dead letter ${id} ${reason}.`)
}

function notReplayable(id: string): Rejection {
  const reasons = 'it does not exist, was replayed already, or was malformed and would only die again'
  return new Rejection('not-replayable', 409, `Dead letter ${id} cannot be replayed: ${reasons}.`)
}

const lettersText = `select id, queue, message_id as "messageId", type, reason, error, attempts, fingerprint,
    trace_id as "traceId", aggregate_id as "aggregateId", payload, died_at as "diedAt", replayed_at as "replayedAt"
  from chassis.dead_letters`

const groupsText = `select fingerprint, queue, type, reason, (array_agg(error order by id desc))[1] as error,
    count(*)::int as count, min(died_at) as "firstDiedAt", max(died_at) as "lastDiedAt",
    (array_agg(id order by id desc))[1] as "newestId"
  from chassis.dead_letters where replayed_at is null
  group by fingerprint, queue, type, reason order by max(died_at) desc limit 100`
