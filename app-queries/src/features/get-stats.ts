import type { Route } from '@feira/chassis'
import { everything } from '../projecting/evict.ts'
import { readDays, readRecent, statsView } from '../reading/stats.ts'
import { unseen } from '../reading/unseen.ts'

/** `GET /q/stats`, counted again when it is asked for: most of it after 5 s, the days after 30 s. */
export const getStats: Route = (app, { query, cache }) => {
  const schema = { summary: 'Read figures of the shop', tags: ['stats'], response: { 200: statsView } }

  app.get('/q/stats', { config: { access: ['admin'] }, schema }, async (_request, reply) => {
    const days = { key: `stats-days@${periodOf(30_000)}`, tags: [everything] }
    const recent = { key: `stats@${periodOf(5_000)}`, tags: [everything] }
    const [byDay, { last24Hours, ...rest }] = await Promise.all([
      cache.serve(unseen, days, () => readDays(query)),
      cache.serve(reply, recent, () => readRecent(query)),
    ])
    return { ...rest, revenue: { last24Hours, byDay } }
  })
}

/** Another one every so many milliseconds: no write evicts figures, which would be counted all the time. */
function periodOf(milliseconds: number): number {
  return Math.floor(Date.now() / milliseconds)
}
