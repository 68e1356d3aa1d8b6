import type { Caller, Resources } from '@feira/chassis'
import { partners } from '../schema.ts'
import { newPartner } from './new-partner.ts'
import { partnerEmail, partnerName } from './partner-fields.ts'
import type { Partner } from './partner-of.ts'
import type { PartnerRow } from './partner-view.ts'
import { requireStanding } from './standing.ts'

/**
 * The partner whose access token this is; its first call makes it one, by what the token says.
 * @throws Rejection 403 when it is blocked, 401 when it was deleted
 */
export async function partnerByToken(resources: Pick<Resources, 'db' | 'query'>, caller: Caller): Promise<Partner> {
  const row = (await find(resources, caller.id)) ?? (await welcome(resources, caller))
  requireStanding(row)
  const { status: _, deletedAt: __, ...partner } = row
  return partner
}

type Known = Partner & Pick<PartnerRow, 'status' | 'deletedAt'>

async function find({ query }: Pick<Resources, 'query'>, id: string): Promise<Known | undefined> {
  const { rows } = await query<Known & Record<string, unknown>>({
    name: 'partner-by-id',
    text: `select id, name, email, limit_per_minute as "limitPerMinute", limit_per_second as "limitPerSecond",
             status, deleted_at as "deletedAt"
           from partners where id = $1`,
    values: [id],
  })
  return rows[0]
}

// Of several first calls at once one makes the row.
async function welcome(resources: Pick<Resources, 'db' | 'query'>, caller: Caller): Promise<Known> {
  const fields = {
    // Another issuer's claims can be anything.
    name: partnerName.nullable().catch(null).parse(caller.name),
    email: partnerEmail.nullable().catch(null).parse(caller.email),
  }
  await resources.db.insert(partners).values(newPartner(caller.id, fields)).onConflictDoNothing()
  return (await find(resources, caller.id)) as Known
}
