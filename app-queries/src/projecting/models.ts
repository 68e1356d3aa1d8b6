import type { Transaction } from '@feira/chassis'

/** The PostgreSQL schema that is read, and the one that a rebuild fills beside it. */
export type Model = 'model' | 'model_next'

/** Names an advisory lock of this database: shared by those who write to models, exclusive for who changes which there are. */
const modelsLock = 2_001

/**
 * Whoever holds these locks goes straight on to the commit. One who pauses was stopped in the middle, and PostgreSQL ends
 * the transaction, because every replica would wait for it; others may pause for as long as a handler may take.
 */
const endIfStopped = `set_config('idle_in_transaction_session_timeout', '5s', true)`

export interface HeldModels {
  /** Those to which every change is written. */
  readonly models: readonly Model[]
  /** The rebuild that fills `model_next`, if one runs. */
  readonly rebuild: string | undefined
}

/** Keeps the models as they are until the transaction ends: none is begun, dropped or put in another's place. */
export async function holdModels({ query }: Transaction): Promise<HeldModels> {
  // Both travel together; PostgreSQL begins the second, with a snapshot of its own, when the first has the lock.
  const [, { rows }] = await Promise.all([
    query({ name: 'hold-models', text: holdText, values: [modelsLock] }),
    query<{ id: string }>({
      name: 'find-running-rebuild',
      text: `select request_id as id from rebuilds where state = 'running'`,
    }),
  ])
  const rebuild = rows[0]?.id
  return { rebuild, models: rebuild === undefined ? ['model'] : ['model', 'model_next'] }
}

const holdText = `select ${endIfStopped}, pg_advisory_xact_lock_shared($1)`

/** Waits until nobody writes to a model, and keeps everybody from it until the transaction ends. */
export async function lockModels({ query }: Transaction): Promise<void> {
  await query({ text: `select ${endIfStopped}, pg_advisory_xact_lock($1)`, values: [modelsLock] })
}
