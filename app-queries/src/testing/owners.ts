import { invoiceSnapshot } from '@feira/contracts/invoices'
import { notificationSnapshot } from '@feira/contracts/notifications'
import { orderSnapshot } from '@feira/contracts/orders'
import { productSnapshot } from '@feira/contracts/products'
import { snapshotCompleted } from '@feira/contracts/snapshots'
import { userSnapshot } from '@feira/contracts/users'
import { kinds, ownerOf, type Kind } from '../rebuilding/kinds.ts'
import { minute, tell, type Story, type Told } from './stories.ts'

/** What all owners answer to a request for snapshots when these stories are all that has happened. */
export function answersTo(requestId: string, stories: readonly Story[]): Told[] {
  return [...rowsOf(requestId, stories), ...kinds.map(kind => completion(requestId, kind, stories.length))]
}

/** How an owner says that it has sent everything. */
export function completion(requestId: string, kind: Kind, count: number): Told {
  return tell(snapshotCompleted, { requestId, owner: ownerOf[kind], kind, count })
}

/** The rows alone, of what stories end with. */
export function rowsOf(requestId: string, stories: readonly Story[]): Told[] {
  return stories.flatMap(({ orderId, userId, productId, invoiceId, notificationId, items }) => [
    tell(userSnapshot, { ...userSnapshot.example, userId, version: 1, requestId }),
    tell(productSnapshot, {
      ...productSnapshot.example,
      productId,
      stock: { version: 1, available: 9, reserved: 1 },
      requestId,
    }),
    tell(orderSnapshot, {
      ...orderSnapshot.example,
      orderId,
      userId,
      items: [...items],
      version: 5,
      status: 'completed',
      createdAt: minute(0),
      changedAt: minute(4),
      requestId,
    }),
    tell(invoiceSnapshot, {
      ...invoiceSnapshot.example,
      invoiceId,
      orderId,
      userId,
      version: 2,
      status: 'paid',
      issuedAt: minute(0),
      paidAt: minute(2),
      requestId,
    }),
    tell(notificationSnapshot, {
      ...notificationSnapshot.example,
      notificationId,
      orderId,
      userId,
      at: minute(1),
      requestId,
    }),
  ])
}
