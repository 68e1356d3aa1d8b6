import { ConfigError, newId, type Resources, type Startup } from '@feira/chassis'
import { and, eq, inArray } from 'drizzle-orm'
import { lockAdmins } from '../users/last-admin.ts'
import type { Config } from '../config.ts'
import { developmentAccounts, type DevelopmentAccount } from '../domain/development-account.ts'
import { normaliseEmail } from '../domain/email.ts'
import { newUser } from '../domain/user.ts'
import { isBuiltIn } from '../tokens/issuer-mode.ts'
import { insertUser, wasDeleted } from '../users/new-users.ts'
import { hashPassword, inTurn, isPassword } from '../sign-in/passwords.ts'
import { users } from '../schema.ts'

/**
 * At the start: in production nobody has a development password, elsewhere the development accounts exist, and the first
 * admin is made whom the environment names.
 */
export const prepareAccounts: Startup<Config> = async resources => {
  const production = resources.config.NODE_ENV === 'production'
  if (production) await refuseDevelopmentPasswords(resources)
  if (!isBuiltIn(resources.config)) return
  if (!production) for (const account of developmentAccounts) await ensureAccount(resources, account)
  await ensureFirstAdmin(resources)
}

async function refuseDevelopmentPasswords({ db }: Resources<Config>): Promise<void> {
  const ids = developmentAccounts.map(({ id }) => id)
  const stored = await db.select().from(users).where(inArray(users.id, ids))
  const found = []
  for (const { id, loginName, password } of developmentAccounts) {
    const user = stored.find(each => each.id === id)
    if (user && (await inTurn(() => isPassword(user.passwordHash, password)))) found.push(loginName)
  }
  if (found.length === 0) return
  const problem = `production refuses the development passwords of ${found.join(', ')} in the database: change them or delete these users (make another admin first), or use an empty database`
  throw new ConfigError('app-users', new Map([['NODE_ENV', problem]]))
}

/** Not made again after it was deleted. */
async function ensureAccount({ db, transact }: Resources<Config>, account: DevelopmentAccount): Promise<void> {
  const { password, ...fields } = account
  if ((await db.select().from(users).where(eq(users.id, account.id))).length > 0) return
  const user = newUser({ ...fields, passwordHash: await hashPassword(password) }, new Date())
  await transact(async tx => {
    await lockAdmins(tx)
    if (!(await wasDeleted(tx, account.id))) await insertUser(tx, user)
  })
}

async function ensureFirstAdmin({ config, transact }: Resources<Config>): Promise<void> {
  const { ADMIN_EMAIL, ADMIN_PASSWORD } = config
  if (ADMIN_EMAIL === undefined && ADMIN_PASSWORD === undefined) return
  if (ADMIN_EMAIL === undefined || ADMIN_PASSWORD === undefined) throw incomplete(ADMIN_EMAIL)
  const passwordHash = await hashPassword(ADMIN_PASSWORD)
  const email = normaliseEmail(ADMIN_EMAIL)
  const admin = newUser({ id: newId(), name: 'Admin', email, role: 'admin', passwordHash }, new Date())
  await transact(async tx => {
    await lockAdmins(tx)
    const active = and(eq(users.role, 'admin'), eq(users.status, 'active'))
    const [present] = await tx.db.select({ id: users.id }).from(users).where(active).limit(1)
    if (present || (await insertUser(tx, admin))) return
    throw new ConfigError('app-users', new Map([['ADMIN_EMAIL', 'belongs to a user who is no active admin']]))
  })
}

function incomplete(email: string | undefined): ConfigError {
  const [missing, given] = email === undefined ? ['ADMIN_EMAIL', 'ADMIN_PASSWORD'] : ['ADMIN_PASSWORD', 'ADMIN_EMAIL']
  return new ConfigError('app-users', new Map([[missing, `is missing beside ${given}`]]))
}
