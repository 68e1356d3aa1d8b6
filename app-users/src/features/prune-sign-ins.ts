import { every } from '@feira/chassis'
import { pruneFailures } from '../login-attempts.ts'
import { pruneSessions } from '../sessions.ts'

/** Removes sessions that have expired and failures that no longer count. */
export const pruneSignIns = every('prune-sign-ins', '10m', async resources => {
  await pruneSessions(resources)
  await pruneFailures(resources)
})
