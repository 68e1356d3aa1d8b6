import { eraseSubject, type Transaction } from '@feira/chassis'
import { userDeleted } from '@feira/contracts/users'
import { revokeKeys } from '../keys/revoke-keys.ts'

/** `user.deleted` → nobody calls as that partner any more, and nothing of the person or of what they sent is left. */
export const onUserDeleted = eraseSubject('on-user-deleted', userDeleted, async (userId, tx) => {
  const email = await forget(tx, userId)
  await revokeKeys(tx, userId)
  await tx.query({ text: 'update partner_keys set label = null where partner_id = $1', values: [userId] })
  await blankEvents(tx, userId)
  return email === null ? [] : [email]
})

/** Leaves a deleted row, also of users who were no partners: a token may outlive its user and must not make one. */
async function forget({ query }: Transaction, userId: string): Promise<string | null> {
  const { rows } = await query<{ email: string | null }>({
    text: 'select email from partners where id = $1 for update',
    values: [userId],
  })
  await query({
    text: `insert into partners (id, version, created_at, updated_at, deleted_at) values ($1, 1, now(), now(), now())
           on conflict (id) do update set name = null, email = null, webhook_url = null, webhook_secret = null,
             version = partners.version + 1, updated_at = now(),
             deleted_at = coalesce(partners.deleted_at, excluded.deleted_at)`,
    values: [userId],
  })
  return rows[0]?.email ?? null
}

async function blankEvents({ query }: Transaction, partnerId: string): Promise<void> {
  const values = [partnerId]
  // A refusal may repeat what somebody typed: the reason of a return, the name of a product. An erased event is a new version.
  await query({
    text: `with erased as (
             update events set data = null, partner_reference = null, version = version + 1,
               outcome = case when state = 'refused' then outcome || '{"detail": "Erased."}' else outcome end
             where partner_id = $1 and (data is not null or partner_reference is not null
               or state = 'refused' and outcome->>'detail' <> 'Erased.')
             returning id)
           update event_steps set detail = null from erased
           where event_id = erased.id and state = 'refused' and detail is not null`,
    values,
  })
  await query({ text: 'update deliveries set body = null where partner_id = $1 and body is not null', values })
  await query({
    text: `update delivery_attempts a set url = null, error = null from deliveries d
           where d.partner_id = $1 and a.delivery_id = d.id and (a.url is not null or a.error is not null)`,
    values,
  })
}
