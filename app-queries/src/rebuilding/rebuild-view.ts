import { z } from 'zod'
import { ownerOf } from './kinds.ts'
import type { Rebuild } from './rebuild.ts'

const kindView = z.object({
  kind: z.string().describe('a kind of aggregate, e.g. `order`'),
  owner: z.string().describe('the service that has all of them'),
  expected: z.int().nullable().describe('how many it has sent; null until it says so'),
  received: z.int(),
})

/** A rebuild as `GET /q/rebuild` shows it. */
export const rebuildView = z
  .object({
    state: z.enum(['none', 'running', 'completed', 'failed']),
    requestId: z.uuid().nullable(),
    startedAt: z.iso.datetime().nullable(),
    finishedAt: z.iso.datetime().nullable(),
    durationMs: z.int().nullable().describe('until its end, or until now'),
    reason: z.string().nullable().describe('why it failed'),
    kinds: z.array(kindView),
  })
  .meta({ id: 'Rebuild' })

const none = { requestId: null, startedAt: null, finishedAt: null, durationMs: null, reason: null, kinds: [] }

export function toRebuildView(rebuild: Rebuild | undefined): z.infer<typeof rebuildView> {
  if (!rebuild) return { state: 'none', ...none }
  const { state, requestId, startedAt, finishedAt, durationMs, reason, kinds } = rebuild
  return {
    state,
    requestId,
    startedAt: startedAt.toISOString(),
    finishedAt: finishedAt?.toISOString() ?? null,
    durationMs,
    reason,
    kinds: kinds.map(({ kind, expected, received }) => ({ kind, owner: ownerOf[kind], expected, received })),
  }
}
