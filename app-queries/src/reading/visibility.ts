import { mayAccess, type Caller, type Query } from '@feira/chassis'

/**
 * Whether there is an order that the caller may see. It is there as soon as anything is known of it: an invoice's event,
 * say, may arrive before the order's own.
 */
export async function orderVisibleTo(query: Query, caller: Caller, orderId: string): Promise<boolean> {
  const { rows } = await query<{ user_id: string | null }>({ name: 'order-owner', text: ownerText, values: [orderId] })
  return rows[0] !== undefined && mayAccess(caller, rows[0].user_id)
}

// Not every event says whose order it is; one that does is enough.
const ownerText = `
  select user_id from (
    (select user_id from model.orders where id = $1)
    union all (select user_id from timeline where order_id = $1 order by user_id is null, position limit 1)) as known
  order by user_id is null limit 1`
