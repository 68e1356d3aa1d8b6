import { newId, type Answer, type Transaction } from '@feira/chassis'
import { z } from 'zod'
import { statuses, type Channel, type Priority } from './domain/notification.ts'
import { putOut } from './delivery/outgoing.ts'

/** `low` is accepted and treated as `normal`: there are two queues, and who asks for less has no reason to be refused. */
export const priority = z
  .enum(['low', 'normal', 'high'])
  .default('normal')
  .transform((text): Priority => (text === 'high' ? 'high' : 'normal'))
  .describe('`high` overtakes everything else; `low` is treated as `normal`')

export const accepted = z.object({ id: z.uuid(), status: z.enum(statuses) }).meta({ id: 'AcceptedNotification' })

interface Wanted {
  readonly channel: Channel
  readonly priority: Priority
  readonly recipient: string
  readonly subject: string | null
  readonly text: string
}

/** Stores a notification that an admin asked for, and has it sent. */
export async function accept(tx: Transaction, wanted: Wanted): Promise<Answer<z.infer<typeof accepted>>> {
  const id = newId()
  const now = new Date()
  await putOut(tx, [{ ...wanted, id, status: 'pending', createdAt: now, updatedAt: now }])
  return { status: 202, headers: { location: `/notifications/${id}` }, body: { id, status: 'pending' } }
}
