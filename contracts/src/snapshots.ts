import { z } from 'zod'
import { defineEvent } from '@feira/contracts'

const requestId = '01936f3e-9999-7c1e-9b3a-51d21b2a3c4d'

export const snapshotRequested = defineEvent('snapshot.requested', {
  owner: 'snapshots',
  summary:
    'A service keeps copies of these kinds of aggregates and needs them all: each owner answers to `replyQueue` alone, with one `<kind>.snapshot` for each and a `snapshot.completed`.',
  aggregate: { type: 'snapshot', id: 'requestId' },
  schema: z.object({
    requestId: z.uuid(),
    kinds: z.array(z.string()).describe('singular nouns, e.g. `user`'),
    replyQueue: z.string().describe('without the namespace, e.g. `orders.on-snapshot`'),
    progress: z
      .object({ after: z.uuid(), sent: z.int().positive() })
      .optional()
      .describe('how far an owner has come that sends page by page; only in what it sends to itself'),
  }),
  example: { requestId, kinds: ['user', 'product'], replyQueue: 'orders.on-snapshot' },
})

export const snapshotCompleted = defineEvent('snapshot.completed', {
  owner: 'snapshots',
  summary: 'An owner has sent all it has of one kind; sent to the reply queue, perhaps before the last of the rows.',
  aggregate: { type: 'snapshot', id: 'requestId' },
  schema: z.object({
    requestId: z.uuid(),
    owner: z.string().describe('the answering service, e.g. `users`'),
    kind: z.string(),
    count: z.int().nonnegative().describe('how many rows it has sent'),
  }),
  example: { requestId, owner: 'users', kind: 'user', count: 3 },
})
