import { setTimeout as sleep } from 'node:timers/promises'
import { fault, lasts } from './fault.ts'
import { endOwnSessions } from './databases.ts'
import { whileInboxIsLocked } from './messages.ts'
import type { RunningSystem } from './running-system.ts'

// Words with which the orders of a fault are found again.
const street = 'Only for a fault'

async function place({ ask }: RunningSystem, productId: string): Promise<void> {
  const shippingAddress = { street, city: 'Nowhere', state: 'NA', zipCode: '00000' }
  await ask('orders', '/orders', { body: { items: [{ productId, quantity: 1 }], shippingAddress } })
}

async function removeProduct({ ask }: RunningSystem, productId: string): Promise<void> {
  // It may be gone already.
  await ask('products', `/products/${productId}`, { method: 'DELETE' }).catch(() => {})
}

/** Cancels the orders of faults that can be cancelled still. */
async function cancelAll({ inDatabase, ask }: RunningSystem): Promise<void> {
  const text = `select id from orders where shipping_address->>'street' = $1 and status in ('pending', 'reserved')`
  const { rows } = await inDatabase('orders', client => client.query<{ id: string }>(text, [street]))
  for (const { id } of rows) await ask('orders', `/orders/${id}/cancel`, { body: { reason: 'fault' } }).catch(() => {})
}

export const lateInvoices = fault<{ readonly productId: string }>({
  summary: 'app-invoices cannot note what it has handled; an order every 2 s waits for its invoice',
  alerts: ['InvoicesMissing', 'InvoicesLate'],
  prepare: async ({ addProduct }) => ({ productId: await addProduct(1_000) }),
  async cause(system, { productId }, signal) {
    await whileInboxIsLocked(system, 'invoices', signal, async () => {
      while (!signal.aborted) {
        await place(system, productId)
        await sleep(2_000, undefined, { signal }).catch(() => {})
      }
    })
  },
  async mend(system, { productId }) {
    await endOwnSessions(system, 'invoices')
    await cancelAll(system)
    await removeProduct(system, productId)
  },
})

export const pendingOrders = fault<{ readonly productId: string }>({
  summary: 'app-products cannot note what it has handled; 25 orders wait for their stock',
  alerts: ['OrdersPending'],
  prepare: async ({ addProduct }) => ({ productId: await addProduct(100) }),
  async cause(system, { productId }, signal) {
    await whileInboxIsLocked(system, 'products', signal, async () => {
      for (let placed = 0; placed < 25; placed++) await place(system, productId)
      await lasts(signal)
    })
  },
  async mend(system, { productId }) {
    await endOwnSessions(system, 'products')
    await cancelAll(system)
    await removeProduct(system, productId)
  },
})

export const failingPartnerEvents = fault<{ readonly productId: string; readonly partnerId: string }>({
  summary:
    'app-orders cannot note what it has handled; sales of a partner get no answer and are given up after 5 minutes',
  alerts: ['PartnerEventsFailing'],
  async prepare({ ask, addProduct }) {
    const { id } = await ask('partners', '/partners', { body: { name: 'Only for a fault' } })
    return { productId: await addProduct(0), partnerId: String(id) }
  },
  async cause(system, { productId, partnerId }, signal) {
    const { key } = await system.ask('partners', `/partners/${partnerId}/keys`, { method: 'POST' })
    await whileInboxIsLocked(system, 'orders', signal, async () => {
      while (!signal.aborted) {
        const body = { tipo: 'VENDA', dados: { produto_id: productId, quantidade: 1, valor: 1 } }
        await system.ask('partners', '/events', { body, key: String(key) })
        await sleep(10_000, undefined, { signal }).catch(() => {})
      }
    })
  },
  async mend(system, { productId, partnerId }) {
    await endOwnSessions(system, 'orders')
    await system.ask('partners', `/partners/${partnerId}`, { method: 'DELETE' }).catch(() => {})
    await removeProduct(system, productId)
  },
})
