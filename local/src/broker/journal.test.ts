import { copyFileSync, existsSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { temporaryDirectory, until } from './broker.testing.ts'
import type { DurableState, QueueDefinition } from './durable-state.ts'
import { openJournal, type Journal } from './journal.ts'
import { DamagedLogError } from './log-file.ts'
import type { Message } from './message.ts'

const queue: QueueDefinition = {
  id: 1,
  name: 'work',
  durable: true,
  autoDelete: false,
  arguments: { 'x-max-length': 9 },
}

async function open(directory: string, compactAbove?: number): Promise<Journal> {
  const journal = await openJournal(directory, compactAbove === undefined ? {} : { compactAbove })
  onTestFinished(() => journal.close())
  return journal
}

function message(sequence: number, size = 100): Message {
  return {
    sequence,
    exchange: 'events',
    routingKey: 'order.created',
    header: Buffer.from([1, 2, 3]),
    body: Buffer.alloc(size, sequence),
    persistent: true,
    priority: sequence % 5,
    timeToLive: Number.POSITIVE_INFINITY,
  }
}

function enqueue(journal: Journal, sequence: number, size?: number): void {
  const entry = { message: message(sequence, size), expiresAt: Number.POSITIVE_INFINITY, deliveries: 0 }
  journal.append({ kind: 'enqueued', message: entry.message, targets: [{ queue: queue.id, entry }] })
}

function settle(journal: Journal, sequence: number): void {
  journal.append({ kind: 'settled', queue: queue.id, sequence })
}

function sequences(state: DurableState): number[] {
  return [...(state.queues.get(queue.id)?.entries.keys() ?? [])]
}

function logOf(directory: string): string {
  return join(directory, 'broker.log')
}

/** What a process killed at this moment would leave, opened. */
async function reopenCopy(directory: string): Promise<Journal> {
  const copy = await temporaryDirectory()
  for (const name of ['broker.log', 'broker.log.new']) {
    if (existsSync(join(directory, name))) copyFileSync(join(directory, name), join(copy, name))
  }
  return open(copy)
}

test('changes come back as they were', async () => {
  const directory = await temporaryDirectory()
  const journal = await open(directory)
  const entry = { message: message(7), expiresAt: 1_700_000_000_123, deliveries: 0 }
  const binding = {
    source: 'events',
    kind: 'queue',
    destination: 'work',
    routingKey: '#',
    arguments: { k: 1 },
  } as const
  const exchange = { name: 'events', type: 'topic', durable: true, autoDelete: false, internal: false } as const
  journal.append({ kind: 'exchange-declared', exchange: { ...exchange, arguments: {} } })
  journal.append({ kind: 'queue-declared', queue })
  journal.append({ kind: 'bound', binding })
  journal.append({ kind: 'enqueued', message: entry.message, targets: [{ queue: 1, entry }] })
  journal.append({ kind: 'delivered', queue: 1, sequence: 7, deliveries: 3 })
  await journal.close()

  const { state } = await open(directory)
  expect(state.exchanges.get('events')).toEqual({ ...exchange, arguments: {} })
  expect(state.queues.get(1)?.definition).toEqual(queue)
  expect(state.bindings).toEqual([binding])
  expect(state.queues.get(1)?.entries.get(7)).toEqual({ ...entry, deliveries: 3 })
  expect([state.lastSequence, state.lastQueue]).toEqual([7, 1])
})

test('deleting a queue or an exchange takes its messages and bindings along', async () => {
  const directory = await temporaryDirectory()
  const journal = await open(directory)
  const binding = { source: 'events', kind: 'queue', destination: 'work', routingKey: '#', arguments: {} } as const
  journal.append({ kind: 'queue-declared', queue })
  journal.append({ kind: 'bound', binding })
  enqueue(journal, 1)
  journal.append({ kind: 'queue-deleted', queue: 1 })
  settle(journal, 1)
  await journal.close()
  const { state } = await open(directory)
  expect([state.queues.size, state.bindings.length, state.liveBytes]).toEqual([0, 0, 0])
})

test('a record cut off anywhere takes nothing before it along, and the log goes on', async () => {
  const directory = await temporaryDirectory()
  const journal = await open(directory)
  journal.append({ kind: 'queue-declared', queue })
  enqueue(journal, 1)
  journal.flush()
  const whole = statSync(logOf(directory)).size
  enqueue(journal, 2, 10)
  enqueue(journal, 3, 10)
  await journal.close()
  const bytes = readFileSync(logOf(directory))
  for (let size = whole; size < bytes.length; size += 3) {
    writeFileSync(logOf(directory), bytes)
    truncateSync(logOf(directory), size)
    const torn = await openJournal(directory)
    expect(sequences(torn.state)).toEqual([1])
    enqueue(torn, 4)
    await torn.close()
    const again = await openJournal(directory)
    expect(sequences(again.state)).toEqual([1, 4])
    await again.close()
  }
})

test('a last record with wrong bytes is cut off, one in the midst is reported', async () => {
  const directory = await temporaryDirectory()
  const journal = await open(directory)
  journal.append({ kind: 'queue-declared', queue })
  for (const sequence of [1, 2]) {
    enqueue(journal, sequence)
    journal.flush()
  }
  await journal.close()
  const bytes = readFileSync(logOf(directory))
  const lastByte = bytes.length - 1
  writeFileSync(logOf(directory), bytes.with(lastByte, 99))
  const cut = await openJournal(directory)
  expect(sequences(cut.state)).toEqual([1])
  await cut.close()

  writeFileSync(logOf(directory), bytes.with(40, 99))
  await expect(openJournal(directory)).rejects.toThrow(DamagedLogError)
  writeFileSync(logOf(directory), 'something else')
  await expect(openJournal(directory)).rejects.toThrow(/damaged at byte 0/)
  expect(existsSync(join(directory, 'broker.lock'))).toBe(false)
})

test('a start compacts the log and removes what an interrupted compaction left', async () => {
  const directory = await temporaryDirectory()
  const journal = await open(directory)
  journal.append({ kind: 'queue-declared', queue })
  for (let sequence = 1; sequence <= 1_000; sequence++) {
    enqueue(journal, sequence)
    if (sequence !== 500) settle(journal, sequence)
  }
  await journal.close()
  expect(statSync(logOf(directory)).size).toBeGreaterThan(100_000)
  writeFileSync(`${logOf(directory)}.new`, 'half a compaction')
  const again = await open(directory)
  expect(sequences(again.state)).toEqual([500])
  expect(statSync(logOf(directory)).size).toBeLessThan(1_000)
  expect(existsSync(`${logOf(directory)}.new`)).toBe(false)
})

test('a log that outgrows its content is compacted while it is written, and whole at every moment', async () => {
  const directory = await temporaryDirectory()
  const journal = await open(directory, 200_000)
  journal.append({ kind: 'queue-declared', queue })
  const live: number[] = []
  const copies: { readonly live: number[]; readonly found: number[] }[] = []
  let largest = 0
  for (let sequence = 1; sequence <= 6_000; sequence++) {
    enqueue(journal, sequence, 2_000)
    live.push(sequence)
    if (live.length > 30) settle(journal, live.shift() as number)
    if (sequence % 10 > 0) continue
    journal.flush()
    largest = Math.max(largest, statSync(logOf(directory)).size)
    await setImmediate()
    if (sequence % 200 === 0) copies.push({ live: [...live], found: sequences((await reopenCopy(directory)).state) })
  }
  expect(copies.map(({ found }) => found)).toEqual(copies.map(copy => copy.live))
  expect(largest).toBeLessThan(3_000_000)
  await until('the last compaction', () => !existsSync(`${logOf(directory)}.new`))
  await journal.close()
  expect(sequences((await open(directory)).state)).toEqual(live)
})

test('compaction writes a message in several queues once', async () => {
  const directory = await temporaryDirectory()
  const journal = await open(directory)
  const shared = message(1, 100_000)
  const targets = [1, 2, 3].map(id => ({
    queue: id,
    entry: { message: shared, expiresAt: Number.POSITIVE_INFINITY, deliveries: id },
  }))
  for (const { queue: id } of targets)
    journal.append({ kind: 'queue-declared', queue: { ...queue, id, name: `q${id}` } })
  journal.append({ kind: 'enqueued', message: shared, targets })
  journal.append({ kind: 'settled', queue: 2, sequence: 1 })
  enqueue(journal, 2, 1_000_000)
  settle(journal, 2)
  await journal.close()
  await (await open(directory)).close()
  expect(statSync(logOf(directory)).size).toBeLessThan(110_000)
  const { state } = await open(directory)
  expect([...state.queues.values()].map(({ entries }) => entries.get(1)?.deliveries)).toEqual([1, undefined, 3])
})
