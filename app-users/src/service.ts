import { defineService } from '@feira/chassis'
import { config, type Config } from './config.ts'
import { deleteUser } from './features/delete-user.ts'
import { describeIssuer } from './features/describe-issuer.ts'
import { getMe } from './features/get-me.ts'
import { getUser } from './features/get-user.ts'
import { getUserStats } from './features/get-user-stats.ts'
import { listUsers } from './features/list-users.ts'
import { logIn } from './features/log-in.ts'
import { logOut } from './features/log-out.ts'
import { onOrder } from './features/on-order.ts'
import { onSnapshotRequested } from './features/on-snapshot-requested.ts'
import { onUserDeleted } from './features/on-user-deleted.ts'
import { prepareAccounts } from './features/prepare-accounts.ts'
import { prepareKeys } from './features/prepare-keys.ts'
import { pruneSignIns } from './features/prune-sign-ins.ts'
import { publishKeys } from './features/publish-keys.ts'
import { refreshTokens } from './features/refresh-tokens.ts'
import { registerUser } from './features/register-user.ts'
import { rotateSigningKeys, tendSigningKeys } from './features/rotate-keys.ts'
import { updateUser } from './features/update-user.ts'
import { forUsersInGoodStanding } from './users/standing.ts'

export const service = defineService<Config>({
  name: 'users',
  summary: 'Who may sign in: registers users, issues their tokens, and erases people.',
  port: 3335,
  paths: ['/users', '/auth', '/.well-known'],
  config,
  migrations: new URL('../migrations/', import.meta.url),
  startup: [prepareKeys, prepareAccounts],
  routes: forUsersInGoodStanding([
    logIn,
    refreshTokens,
    logOut,
    getMe,
    describeIssuer,
    publishKeys,
    rotateSigningKeys,
    registerUser,
    listUsers,
    getUserStats,
    getUser,
    updateUser,
    deleteUser,
  ]),
  consumers: [onOrder, onSnapshotRequested, onUserDeleted],
  jobs: [tendSigningKeys, pruneSignIns],
})
