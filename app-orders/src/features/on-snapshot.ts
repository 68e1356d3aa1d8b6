import { consumeBatch, type Received } from '@feira/chassis'
import { productSnapshot } from '@feira/contracts/products'
import { snapshotCompleted } from '@feira/contracts/snapshots'
import { userSnapshot } from '@feira/contracts/users'
import { noteUsers } from '../replicas/customers.ts'
import { noteProducts } from '../replicas/price-list.ts'
import { kinds, noteProgress, type Progress } from '../replicas/refill.ts'

const types = [userSnapshot, productSnapshot, snapshotCompleted]
type Answer = Received<(typeof types)[number]>

/** The answers to `snapshot.requested`, which come to this queue alone → the replicas. */
export const onSnapshot = consumeBatch(
  'on-snapshot',
  types,
  async (messages, tx) => {
    await noteUsers(
      tx,
      messages.flatMap(message => (message.type === userSnapshot.type ? [message.data] : [])),
    )
    await noteProducts(
      tx,
      messages.flatMap(message => (message.type === productSnapshot.type ? [message.data] : [])),
    )
    await noteProgress(tx, messages.flatMap(progressOf))
  },
  { bound: false },
)

function progressOf(message: Answer): Progress[] {
  const { requestId } = message.data
  switch (message.type) {
    case 'user.snapshot':
      return [{ requestId, kind: 'user', received: 1 }]
    case 'product.snapshot':
      return [{ requestId, kind: 'product', received: 1 }]
    case 'snapshot.completed': {
      const { count, kind } = message.data
      const known = kinds.find(each => each === kind)
      return known ? [{ requestId, kind: known, received: 0, expected: count }] : []
    }
  }
}
