import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Entry } from './message.ts'
import { ReadyList } from './ready-list.ts'

function entry(sequence: number, priority: number): Entry {
  const message = {
    sequence,
    exchange: '',
    routingKey: '',
    header: Buffer.alloc(0),
    body: Buffer.alloc(sequence % 7),
    persistent: false,
    priority,
    timeToLive: Number.POSITIVE_INFINITY,
  }
  return { message, expiresAt: Number.POSITIVE_INFINITY, deliveries: 0 }
}

const maxPriority = 2

const step = fc.oneof(
  fc.record({ kind: fc.constant('push' as const), priority: fc.nat(4) }),
  fc.record({ kind: fc.constant('shift' as const) }),
  fc.record({ kind: fc.constant('putBack' as const), which: fc.nat() }),
)

/** The slow and obvious list that the other one has to agree with. */
class Model {
  readonly ready: Entry[] = []
  readonly taken: Entry[] = []

  add(entry: Entry): void {
    this.ready.push(entry)
    this.ready.sort((one, other) => rank(other) - rank(one) || one.message.sequence - other.message.sequence)
  }

  shift(): Entry | undefined {
    const first = this.ready.shift()
    if (first) this.taken.push(first)
    return first
  }
}

function rank({ message }: Entry): number {
  return Math.min(message.priority, maxPriority)
}

test('gives the highest priority first and equals in the order of publishing, whatever was put back', () => {
  const agrees = fc.property(fc.array(step, { maxLength: 200 }), steps => {
    const list = new ReadyList(maxPriority)
    const model = new Model()
    for (const [index, action] of steps.entries()) {
      const returned =
        action.kind === 'putBack' ? model.taken.splice(action.which % model.taken.length, 1)[0] : undefined
      const fresh = action.kind === 'push' ? entry(index, action.priority) : undefined
      if (fresh) list.push(fresh)
      if (returned) list.putBack(returned)
      for (const added of [fresh, returned]) if (added) model.add(added)
      expect(list.peek()).toBe(model.ready[0])
      expect(action.kind === 'shift' ? list.shift() : undefined).toBe(
        action.kind === 'shift' ? model.shift() : undefined,
      )
      expect(list.length).toBe(model.ready.length)
      expect(list.bytes).toBe(model.ready.reduce((sum, { message }) => sum + message.body.length, 0))
    }
  })
  fc.assert(agrees)
})

test('a long list costs no more per entry than a short one', () => {
  const count = 300_000
  const list = new ReadyList(0)
  const started = performance.now()
  for (let sequence = 0; sequence < count; sequence++) list.push(entry(sequence, 0))
  const held = Array.from({ length: count / 2 }, () => list.shift() as Entry)
  for (const returned of held) list.putBack(returned)
  const order = Array.from({ length: count }, () => list.shift()?.message.sequence)
  expect(performance.now() - started).toBeLessThan(5_000)
  expect(order.every((sequence, index) => sequence === index)).toBe(true)
})
