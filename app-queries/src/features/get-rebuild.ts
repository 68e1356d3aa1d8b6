import type { Route } from '@feira/chassis'
import { findNewest } from '../rebuilding/rebuild.ts'
import { rebuildView, toRebuildView } from '../rebuilding/rebuild-view.ts'

/** `GET /q/rebuild`: how far the rebuild that runs has come, or how the last one ended. */
export const getRebuild: Route = (app, { query }) => {
  const schema = {
    summary: 'Read how far a rebuild of the read model has come',
    tags: ['operations'],
    response: { 200: rebuildView },
  }

  app.get('/q/rebuild', { config: { access: ['admin'] }, schema }, async () => toRebuildView(await findNewest(query)))
}
