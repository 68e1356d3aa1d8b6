import { consumeBatch } from '@feira/chassis'
import { userCreated, userDeleted, userUpdated } from '@feira/contracts/users'
import { evict } from '../projecting/evict.ts'
import { holdModels } from '../projecting/models.ts'
import { keepUsers, toUserRow } from '../projecting/user-row.ts'

const types = [userCreated, userUpdated, userDeleted]

/** `user.created`, `user.updated`, `user.deleted` → the user as they are then; of one deleted, a tombstone. */
export const onUserEvent = consumeBatch('on-user-event', types, async (messages, tx) => {
  const { models } = await holdModels(tx)
  const rows = messages.map(({ data }) => toUserRow(data))
  await keepUsers(tx, models, rows)
  evict(tx, ['users', ...rows.map(({ id }) => `user:${id}`)])
})
