import { callerOf, Rejection, type Caller, type Database, type Resources, type Route } from '@feira/chassis'
import { eq } from 'drizzle-orm'
import type { Config } from '../config.ts'
import { isBuiltIn } from '../tokens/issuer-mode.ts'
import { users } from '../schema.ts'

/**
 * An access token counts until it expires, even if its user was blocked, deleted or given another role meanwhile. Other
 * services cannot know sooner; this one can.
 * @throws Rejection 403 for a user who is blocked or gone, 401 for a token with a former role
 */
export async function requireStanding(db: Database, config: Resources['config'], caller: Caller): Promise<void> {
  const [user] = await db.select({ status: users.status, role: users.role }).from(users).where(eq(users.id, caller.id))
  if (user?.status === 'blocked') throw new Rejection('account-blocked', 403, 'This account is blocked.')
  // Another issuer's people need not have come here before, and have the roles that it gives them.
  if (!isBuiltIn(config)) return
  if (!user) throw accountDeleted()
  if (!caller.roles.includes(user.role)) throw formerRole()
}

/** These routes, all of which require {@link requireStanding} of a signed-in caller, as does `/ops` beside them. */
export function forUsersInGoodStanding(routes: readonly Route<Config>[]): readonly Route<Config>[] {
  return [watchStanding, ...routes]
}

const watchStanding: Route<Config> = (app, { config, db }) => {
  app.addHook('preHandler', async request => {
    if (request.routeOptions.config.access === 'public') return
    await requireStanding(db, config, callerOf(request))
  })
}

// Not 401: signing in again would not help.
export function accountDeleted(): Rejection {
  return new Rejection('account-deleted', 403, 'This account was deleted.')
}

function formerRole(): Rejection {
  const text = 'The access token is from before a change of roles; refresh it.'
  const challenge = 'Bearer realm="feira", error="invalid_token", error_description="the roles have changed"'
  return new Rejection('token-outdated', 401, text, { headers: { 'www-authenticate': challenge } })
}
