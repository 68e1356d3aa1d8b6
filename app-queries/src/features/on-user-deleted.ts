import { eraseSubject } from '@feira/chassis'
import { userDeleted } from '@feira/contracts/users'
import { evict, tagsOfOrders } from '../projecting/evict.ts'
import { forgetUser } from '../projecting/forget-user.ts'
import { holdModels } from '../projecting/models.ts'

/** `user.deleted` → nothing is left of the person, neither in what is read nor in what a rebuild fills. */
export const onUserDeleted = eraseSubject('on-user-deleted', userDeleted, async (userId, tx) => {
  const { models } = await holdModels(tx)
  const { orderIds, texts } = await forgetUser(tx, models, userId)
  evict(tx, ['users', `user:${userId}`, ...tagsOfOrders(orderIds)])
  return texts
})
