import { consumeBatch } from '@feira/chassis'
import { userCreated, userUpdated } from '@feira/contracts/users'
import { noteUsers } from '../replicas/customers.ts'

/** `user.created`, `user.updated` → who may order, and whom to write to. */
export const onUserChanged = consumeBatch('on-user-changed', [userCreated, userUpdated], async (messages, tx) => {
  await noteUsers(
    tx,
    messages.map(({ data }) => data),
  )
})
