import { every } from '@feira/chassis'
import { pruneFailures } from '../sign-in/login-attempts.ts'
import { pruneSessions } from '../sign-in/sessions.ts'

/** Removes sessions that have expired and failures that no longer count. */
export const pruneSignIns = every('prune-sign-ins', '10m', async resources => {
  await pruneSessions(resources)
  await pruneFailures(resources)
})
