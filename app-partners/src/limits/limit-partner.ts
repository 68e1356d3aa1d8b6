import { callerOf, isAdmin, Rejection, type Resources } from '@feira/chassis'
import type { Config } from '../config.ts'
import { judge } from '../domain/rate-limit.ts'
import { partnerByToken } from '../partners/partner-by-token.ts'
import { notedPartner, notePartner, type Partner, type Request } from '../partners/partner-of.ts'
import { countersOf, type Counters } from './counters.ts'

interface Reply {
  headers(fields: Readonly<Record<string, string>>): unknown
}

/**
 * Every route for partners' events has it: `app.post('/events', { config, onRequest: limitPartner(resources), schema }, …)`.
 * Finds the partner, for `partnerOf`, and counts the request, a batch like any other; both before its body is read.
 * Answers get `RateLimit-*`. Admins are not counted.
 */
export function limitPartner(resources: Resources<Config>) {
  const counters = countersOf(resources)
  return async (request: Request, reply: Reply): Promise<void> => {
    const caller = callerOf(request)
    if (!caller.roles.includes('partner')) return
    const partner = notedPartner(request) ?? (await partnerByToken(resources, caller))
    notePartner(request, partner)
    if (isAdmin(caller)) return
    const { passes, fields } = judge(await count(counters, partner, resources.config))
    if (!passes) throw new Rejection('rate-limited', 429, tooMany, { headers: fields })
    reply.headers(fields)
  }
}

const tooMany = 'Too many requests with this key or token; the header Retry-After says when the next one passes.'

// The burst first: a request that it refuses takes nothing from the minute, which is only looked at then.
async function count(counters: Counters, partner: Partner, config: Config) {
  const key = partner.keyId ?? partner.id
  const perMinute = { seconds: 60, limit: partner.limitPerMinute ?? config.PARTNER_LIMIT_PER_MINUTE } as const
  const perSecond = { seconds: 1, limit: partner.limitPerSecond ?? config.PARTNER_LIMIT_PER_SECOND } as const
  const second = await counters.count(key, perSecond)
  const minute = second.exceeded ? await counters.look(key, perMinute) : await counters.count(key, perMinute)
  return { minute, second }
}
