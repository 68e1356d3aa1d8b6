import { sendAnswer, type Answer, type Route } from '@feira/chassis'
import { z } from 'zod'
import { findNewest, startRebuild } from '../rebuilding/rebuild.ts'
import { rebuildView, toRebuildView } from '../rebuilding/rebuild-view.ts'

/** `POST /q/rebuild` → `snapshot.requested`: another model is filled beside the one that is read, and takes its place. */
export const requestRebuild: Route = (app, { transactOnce }) => {
  const schema = {
    summary: 'Make the read model again',
    description: 'Beside the one that is read until then. 409 `rebuild-running` while one runs.',
    tags: ['operations'],
    body: z.strictObject({}).optional(),
    response: { 202: rebuildView },
  }

  app.post('/q/rebuild', { config: { access: ['admin'] }, schema }, async (request, reply) => {
    const answer = await transactOnce(request, async (tx): Promise<Answer<z.infer<typeof rebuildView>>> => {
      await startRebuild(tx)
      const body = toRebuildView(await findNewest(tx.query))
      return { status: 202, headers: { location: '/q/rebuild' }, body }
    })
    return sendAnswer(reply, answer)
  })
}
