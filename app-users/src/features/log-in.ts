import { Rejection, type Resources, type Route, type Transaction } from '@feira/chassis'
import { eq, or, sql } from 'drizzle-orm'
import { z } from 'zod'
import { createIssueTokens, tokenAnswer } from '../tokens/access-tokens.ts'
import type { Config } from '../config.ts'
import { emailKey } from '../domain/email.ts'
import { addressKey } from '../domain/login-limit.ts'
import type { User } from '../domain/user.ts'
import { requireBuiltIn } from '../tokens/issuer-mode.ts'
import { accountKey, forgetFailures, tryPassword, type Attempting } from '../sign-in/login-attempts.ts'
import { inTurn, triedPassword } from '../sign-in/passwords.ts'
import { users } from '../schema.ts'
import { startSession } from '../sign-in/sessions.ts'

const credentials = z
  .strictObject({
    username: z.string().min(1).max(254).optional().describe('an e-mail address, or a login name such as admin'),
    email: z.string().min(1).max(254).optional().describe('another name for username'),
    password: triedPassword,
  })
  .refine(({ username, email }) => (username ?? email) !== undefined, { path: ['username'], error: 'is required' })
  .refine(({ username, email }) => username === undefined || email === undefined || username === email, {
    path: ['email'],
    error: 'says something else than username',
  })
  .meta({ examples: [{ username: 'admin', password: 'admin' }] })

/** `POST /auth/login` */
export const logIn: Route<Config> = (app, resources) => {
  const { config, transact } = resources
  const issueTokens = createIssueTokens(resources)
  const schema = { summary: 'Sign in', tags: ['auth'], body: credentials, response: { 200: tokenAnswer } }

  app.post('/auth/login', { config: { access: 'public' }, schema }, async (request, reply) => {
    requireBuiltIn(config)
    const { username, email, password } = request.body
    const name = (username ?? email) as string
    const address = addressKey(request.ip)
    // All of it in turn: attempts that wait for their end count as failed, and would lock out whoever sends many at once.
    const tokens = await inTurn(async () => {
      const { user, attempting } = await authenticate(resources, { name, password, address })
      return transact(async tx => {
        await requireUnchanged(tx, user)
        await forgetFailures(tx, attempting)
        return issueTokens(tx, await startSession(tx, { user, address }, config))
      })
    })
    return reply.header('cache-control', 'no-store').send(tokens)
  })
}

async function authenticate(
  { db, transact }: Resources<Config>,
  { name, password, address }: { name: string; password: string; address: string },
): Promise<{ user: User; attempting: Attempting }> {
  const key = emailKey(name)
  const [user] = await db
    .select()
    .from(users)
    .where(or(eq(sql`lower(${users.email})`, key), eq(users.loginName, key)))
  const attempting = { account: accountKey(user?.id, name), address }
  const matches = await tryPassword(transact, attempting, user, password)
  if (!user || !matches) throw wrongCredentials()
  return { user, attempting }
}

// The password was tried outside of the transaction: meanwhile the user may be gone, blocked, or have another one.
async function requireUnchanged({ db }: Transaction, { id, passwordHash }: User): Promise<void> {
  const [user] = await db.select().from(users).where(eq(users.id, id)).for('share')
  if (user?.passwordHash !== passwordHash) throw wrongCredentials()
  if (user.status === 'blocked') throw new Rejection('account-blocked', 403, 'This account is blocked.')
}

// One answer for an unknown name and a wrong password: it does not tell who has an account here.
function wrongCredentials(): Rejection {
  return new Rejection('wrong-credentials', 401, 'There is no such user with this password.', {
    headers: { 'www-authenticate': 'Bearer realm="feira"' },
  })
}
