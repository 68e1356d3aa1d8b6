import { callerOf, firstIdAt, type Query, type Route } from '@feira/chassis'
import { z } from 'zod'
import type { Config } from '../config.ts'
import { eventStates, type EventState } from '../domain/event.ts'
import { limitPartner } from '../limits/limit-partner.ts'
import { strategies } from '../strategies/index.ts'
import { partnerSeen } from '../visible-events.ts'

const counts = z.record(z.enum(eventStates), z.int())

const statsView = z
  .object({
    events: z.int(),
    byStatus: counts,
    byType: z.array(z.object({ tipo: z.string(), events: z.int(), byStatus: counts })),
    lastMinute: z.int().describe('received in the last 60 seconds'),
    lastHour: z.int().describe('received in the last 60 minutes'),
  })
  .meta({ id: 'EventStats' })

type Stats = z.infer<typeof statsView>

const querystring = z.strictObject({
  partnerId: z.uuid().optional().describe('an admin counts the events of everybody, a partner only their own'),
})

/** `GET /events/stats` */
export const getEventStats: Route<Config> = (app, resources) => {
  const { query } = resources
  const schema = { summary: 'Count events', tags: ['events'], querystring, response: { 200: statsView } }
  const options = { config: { access: ['partner', 'admin'] }, schema, onRequest: limitPartner(resources) }

  app.get('/events/stats', options, async request => {
    const partnerId = partnerSeen(callerOf(request), request.query.partnerId) ?? null
    const [byState, recent] = await Promise.all([readTallies(query, partnerId), readRecent(query, partnerId)])
    return { ...byState, ...recent }
  })
}

interface Tally {
  readonly kind: string
  readonly state: EventState
  readonly events: number
}

// From the tallies, which are a few rows for each partner, and what they have to add.
const tallies = `
  select kind, state, sum(events)::int as events from (
    select partner_id, kind, state, events from event_tallies
    union all select partner_id, kind, state, 1 from event_tally_changes
    union all select partner_id, kind, was, -1 from event_tally_changes where was is not null) as t
  where $1::uuid is null or partner_id = $1 group by kind, state`

async function readTallies(
  query: Query,
  partnerId: string | null,
): Promise<Pick<Stats, 'events' | 'byStatus' | 'byType'>> {
  const { rows } = await query<Tally>({ name: 'event-tallies', text: tallies, values: [partnerId] })
  const byType = strategies.map(({ kind, tipo }) => ({ tipo, ...summed(rows.filter(row => row.kind === kind)) }))
  return { ...summed(rows), byType }
}

function summed(rows: readonly Tally[]): Pick<Stats, 'events' | 'byStatus'> {
  const of = (state: EventState) => total(rows.filter(row => row.state === state))
  return {
    events: total(rows),
    byStatus: Object.fromEntries(eventStates.map(state => [state, of(state)])) as Stats['byStatus'],
  }
}

const total = (rows: readonly Tally[]) => rows.reduce((sum, { events }) => sum + events, 0)

// An id tells when its event was received, so only the events of the last hour are read.
async function readRecent(query: Query, partnerId: string | null): Promise<Pick<Stats, 'lastMinute' | 'lastHour'>> {
  const now = Date.now()
  const { rows } = await query<Pick<Stats, 'lastMinute' | 'lastHour'>>({
    text: `select count(*) filter (where id >= $1)::int as "lastMinute", count(*)::int as "lastHour"
           from events where id >= $2 ${partnerId === null ? '' : 'and partner_id = $3'}`,
    values: [
      firstIdAt(new Date(now - 60_000)),
      firstIdAt(new Date(now - 3_600_000)),
      ...(partnerId ? [partnerId] : []),
    ],
  })
  return rows[0] as Pick<Stats, 'lastMinute' | 'lastHour'>
}
