import { expect, test } from 'vitest'
import { publishedBy, readFlows } from './flows.ts'

const flows = new Map(readFlows().map(flow => [flow.message.type, flow]))

test('a source publishes what it hands to publish, but not what it sends to one queue or only imports', () => {
  const source = `
import { orderCreated, orderPaid, type orderShipped } from '@feira/contracts/orders'
import { stockRelease, stockReserve } from '@feira/contracts/products'

tx.publish(orderCreated, { at: now() }, { cause })
tx.publish(
  stockReserve,
  { orderId: id(order) },
)
tx.publish(stockRelease, payload(), { cause, queue: 'orders.on-stock' })
const types = [orderPaid]
tx.publish(message, payload)
`
  expect(publishedBy(source)).toEqual({ toAll: ['order.created', 'stock.reserve'], asAnswer: [] })
})

test('a source that answers snapshots sends the rows and the end of them', () => {
  const source = `
import { orderSnapshot } from '@feira/contracts/orders'
import { snapshotCompleted, snapshotRequested } from '@feira/contracts/snapshots'

export const onSnapshotRequested = answerSnapshots({
  requested: snapshotRequested,
  completed: snapshotCompleted,
  row: orderSnapshot,
})
`
  expect(publishedBy(source)).toEqual({ toAll: [], asAnswer: ['snapshot.completed', 'order.snapshot'] })
})

test('an import that is named otherwise than its type would be missed, and is refused', () => {
  const source = "import { orderPlaced } from '@feira/contracts/orders'\n"
  expect(() => publishedBy(source)).toThrow('orderPlaced is not the name')
})

test('every message has readers, and comes from its owner or from outside; a command is read by its owner', () => {
  expect(flows.size).toBeGreaterThan(40)
  const lost = [...flows.values()].filter(({ readers }) => readers.length === 0)
  expect(lost).toEqual([])
  const events = [...flows.values()].filter(({ message }) => message.kind === 'event' && message.owner !== 'snapshots')
  const foreign = events.filter(({ message: { owner }, publishers, answerers }) =>
    owner === 'payments' ? publishers.length > 0 : [...publishers, ...answerers].join() !== owner,
  )
  expect(foreign.map(({ message }) => message.type)).toEqual([])
  const commands = [...flows.values()].filter(({ message }) => message.kind === 'command')
  expect(commands.length).toBeGreaterThan(5)
  const disobeyed = commands.filter(({ message, readers }) => readers.some(({ service }) => service !== message.owner))
  expect(disobeyed.map(({ message }) => message.type)).toEqual([])
})
