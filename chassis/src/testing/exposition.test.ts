import { expect, test } from 'vitest'
import { parseExposition, valueIn } from './exposition.ts'

const gauge = '# HELP boxes Boxes.\n# TYPE boxes gauge\n'
const histogram = '# HELP time Time.\n# TYPE time histogram\n'

test('families are read with their series, labels and values', () => {
  const families = parseExposition(
    `${gauge}boxes{colour="red",size="a \\"big\\", one"} 2\nboxes{colour="blue"} 1.5e-3\n\n` +
      `${histogram}time_bucket{le="0.1"} 1\ntime_bucket{le="+Inf"} 2\ntime_sum 3\ntime_count 2\n`,
  )
  expect(families.map(({ name, type, help }) => [name, type, help])).toEqual([
    ['boxes', 'gauge', 'Boxes.'],
    ['time', 'histogram', 'Time.'],
  ])
  expect(families[0]?.series[0]).toEqual({
    name: 'boxes',
    labels: { colour: 'red', size: 'a \\"big\\", one' },
    value: 2,
  })
  expect(valueIn(families, 'boxes')).toBeCloseTo(2.0015)
  expect(valueIn(families, 'boxes', { colour: 'blue' })).toBe(0.0015)
  expect(valueIn(families, 'time_count')).toBe(2)
  expect(valueIn(families, 'boxes', { colour: 'green' })).toBeUndefined()
})

test.each([
  ['no end', 'does not end', `${gauge}boxes 1`],
  ['no family', 'no family is open', 'boxes 1\n'],
  ['no help', 'no help', '# TYPE boxes gauge\nboxes 1\n'],
  ['an unknown type', 'no such type', '# HELP boxes Boxes.\n# TYPE boxes number\nboxes 1\n'],
  ['a family twice', 'two families', `${gauge}boxes 1\n${gauge}boxes{colour="red"} 1\n`],
  ['a stranger', 'another name', `${gauge}bottles 1\n`],
  ['a series twice', 'stands there twice', `${gauge}boxes{a="1",b="2"} 1\nboxes{b="2",a="1"} 1\n`],
  ['no number', 'no series', `${gauge}boxes many\n`],
  ['no quotes', 'no labels', `${gauge}boxes{colour=red} 1\n`],
  ['a stray quote', 'no labels', `${gauge}boxes{colour="r"ed"} 1\n`],
  ['a label twice', 'a label stands', `${gauge}boxes{a="1",a="2"} 1\n`],
  ['a counter below zero', 'negative', '# HELP boxes_total Boxes.\n# TYPE boxes_total counter\nboxes_total -1\n'],
  [
    'buckets that shrink',
    'do not grow',
    `${histogram}time_bucket{le="1"} 3\ntime_bucket{le="+Inf"} 2\ntime_sum 3\ntime_count 2\n`,
  ],
  ['a bucket too few', 'do not hold all', `${histogram}time_bucket{le="1"} 2\ntime_sum 3\ntime_count 2\n`],
])('%s is refused', (_what, problem, text) => {
  expect(() => parseExposition(text)).toThrow(problem)
})
