import { every, type Resources } from '@feira/chassis'
import { findOpenRefill, isAnyEmpty, replaceRefill, requestRefill, type OpenRefill } from '../replicas/refill.ts'

/** How long the first request is waited for, and at most any. */
const patience = 30_000
const maxPatience = 600_000
/** A replica that stays empty though all answers came may have nothing to hold: it is asked for again after this long. */
const doubt = '5 minutes'

/** A replica that holds nothing → `snapshot.requested`; again, if the answers do not all come. */
export const keepReplicasFilled = every('keep-replicas-filled', '5s', async resources => {
  const open = await findOpenRefill(resources.query)
  if (open) await repeatOverdue(resources, open)
  else if (await shallAsk(resources)) await resources.transact(tx => requestRefill(tx))
})

async function repeatOverdue({ transact, log }: Resources, { requestId, attempt, age }: OpenRefill): Promise<void> {
  if (age < Math.min(patience * 2 ** (attempt - 1), maxPatience)) return
  log.warn({ requestId, attempt }, 'not everything that was asked for has come; asking again')
  await transact(async tx => {
    await replaceRefill(tx, requestId)
    await requestRefill(tx, attempt + 1)
  })
}

async function shallAsk({ query }: Resources): Promise<boolean> {
  if (!(await isAnyEmpty(query))) return false
  const { rows } = await query<{ lately: boolean }>({
    text: `select exists (select 1 from refills where completed_at > now() - interval '${doubt}') as lately`,
  })
  return rows[0]?.lately !== true
}
