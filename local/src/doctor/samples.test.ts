import { expect, test } from 'vitest'
import { find, samplesIn, sum } from './samples.ts'

const text = `# HELP queue_messages Messages that wait.
# TYPE queue_messages gauge
queue_messages{queue="orders.on-a",kind="work",service="orders"} 3
queue_messages{queue="orders.on-b",kind="work",service="orders"} 4
queue_messages{queue="orders.on-b",kind="retry",service="orders"} 1e3 1700000000000
odd{text="a \\"quoted\\", {braced} = \\\\ \\n line"} +Inf
plain 0.5
`

test('reads names, labels and values, also odd ones', () => {
  const samples = samplesIn(text)
  expect(samples).toHaveLength(5)
  expect(find(samples, 'odd')).toEqual([
    { name: 'odd', labels: { text: 'a "quoted", {braced} = \\ \n line' }, value: Infinity },
  ])
  expect(find(samples, 'plain')).toEqual([{ name: 'plain', labels: {}, value: 0.5 }])
})

test('adds up what carries the labels, and tells what is absent from nothing', () => {
  const samples = samplesIn(text)
  expect(sum(samples, 'queue_messages', { kind: 'work' })).toBe(7)
  expect(sum(samples, 'queue_messages', { kind: 'retry' })).toBe(1_000)
  expect(sum(samples, 'queue_messages', { kind: 'dead' })).toBeUndefined()
})
