import { every, type Query, type Resources, type Transaction } from '@feira/chassis'
import type { Config } from '../config.ts'
import { hasCome, lackingIn } from '../rebuilding/kinds.ts'
import { completeRebuild, failRebuild, findNewest, startFirstRebuild, type Rebuild } from '../rebuilding/rebuild.ts'
import { dropPast, hasPast, isOutdated } from '../rebuilding/shadow.ts'

/** Milliseconds after which no statement is left that began to read the model before it was replaced. */
const patience = 5_000

/** Names an advisory lock of this database. */
const watchLock = 2_003

type Step = (tx: Transaction) => Promise<void>

/**
 * Starts the first rebuild of a database, ends one for which everything or nothing more has come, and clears away what it
 * replaced. All it goes by is in tables, so it goes on after a crash, in whatever replica.
 */
export const watchRebuild = every<Config>('watch-rebuild', '1s', async resources => {
  if (!(await nextStep(resources.query, resources))) return
  await resources.transact(async tx => {
    // Another replica may be taking the step, or have taken it a moment ago.
    if (await isAlone(tx)) await (await nextStep(tx.query, resources))?.(tx)
  })
})

async function isAlone({ query }: Transaction): Promise<boolean> {
  const text = 'select where pg_try_advisory_xact_lock($1)'
  return (await query({ text, values: [watchLock] })).rowCount === 1
}

async function nextStep(query: Query, resources: Resources<Config>): Promise<Step | undefined> {
  const newest = await findNewest(query)
  if (!newest) return startFirstRebuild
  if (isLongSinceSwitch(newest) && (await hasPast(query))) return tx => dropPast(tx.query)
  return newest.state === 'running' ? endOf(newest, query, resources) : undefined
}

// A rebuild that runs began after the last switch. What that replaced must not wait for its end: an erasure does not reach it.
function isLongSinceSwitch({ state, durationMs, idleMs }: Rebuild): boolean {
  return (state === 'running' ? durationMs : idleMs) > patience
}

async function endOf(rebuild: Rebuild, query: Query, { config, log }: Resources<Config>): Promise<Step | undefined> {
  const { requestId, kinds, idleMs, durationMs } = rebuild
  const fail = (reason: string) => async (tx: Transaction) => {
    await failRebuild(tx, requestId, reason)
    log.warn({ requestId, reason }, 'the rebuild of the model was given up')
  }
  if (await isOutdated(query)) return fail('A migration changed the tables of the model meanwhile.')
  if (idleMs > config.REBUILD_TIMEOUT && !kinds.every(hasCome)) return fail(`Nothing more came: ${lackingIn(kinds)}.`)
  if (!kinds.every(hasCome)) return undefined
  return async tx => {
    if (await completeRebuild(tx, requestId)) log.info({ requestId, durationMs }, 'the model was rebuilt')
  }
}
