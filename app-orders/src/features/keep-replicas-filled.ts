import { every, type Query, type Resources } from '@feira/chassis'
import {
  findLackingKinds,
  findOpenRefill,
  kinds,
  replaceRefill,
  requestRefill,
  type Kind,
  type OpenRefill,
} from '../replicas/refill.ts'

/** How long the first request is waited for, and at most any. */
const patience = 30_000
const maxPatience = 600_000
/** A replica that lacks something though all answers came may have no more to get: it is asked for again after this long. */
const doubt = '5 minutes'

/**
 * A replica that holds nothing, or products without their SKU → `snapshot.requested`; again, for what is missing, if the
 * answers do not all come.
 */
export const keepReplicasFilled = every('keep-replicas-filled', '5s', async resources => {
  const open = await findOpenRefill(resources.query)
  const lacking = await findLackingKinds(resources.query)
  if (open) await repeatOverdue(resources, open, lacking)
  else if (lacking.length > 0 && !(await hasAskedLately(resources.query)))
    await resources.transact(tx => requestRefill(tx, { kinds: lacking }))
})

async function repeatOverdue(resources: Resources, open: OpenRefill, lacking: readonly Kind[]): Promise<void> {
  const { requestId, attempt, age, missing } = open
  if (age < Math.min(patience * 2 ** (attempt - 1), maxPatience)) return
  resources.log.warn({ requestId, attempt, missing }, 'not everything that was asked for has come; asking again')
  await resources.transact(async tx => {
    await replaceRefill(tx, requestId)
    const wanted = kinds.filter(kind => missing.includes(kind) || lacking.includes(kind))
    await requestRefill(tx, { kinds: wanted, attempt: attempt + 1 })
  })
}

async function hasAskedLately(query: Query): Promise<boolean> {
  const { rows } = await query<{ lately: boolean }>({
    text: `select exists (select 1 from refills where completed_at > now() - interval '${doubt}') as lately`,
  })
  return rows[0]?.lately === true
}
