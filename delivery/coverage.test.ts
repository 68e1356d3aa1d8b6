import { expect, test } from 'vitest'
import { tableOf } from './coverage.ts'

const counts = (covered: number, total: number) => ({ covered, total })
const file = (lines: number, branches: number) => ({
  lines: counts(lines, 10),
  branches: counts(branches, 4),
  functions: counts(0, 0),
})

test('sums up what each folder covers', () => {
  const summary = {
    total: file(0, 0),
    '/feira/chassis/src/outbox/relay.ts': file(10, 4),
    '/feira/chassis/src/http.ts': file(5, 0),
    '/feira/app-orders/src/main.ts': file(0, 1),
  }
  expect(tableOf(summary, '/feira').split('\n').slice(0, 5)).toEqual([
    '| | lines | branches | functions |',
    '| --- | ---: | ---: | ---: |',
    '| app-orders | 0.0 % | 25.0 % | – |',
    '| chassis | 75.0 % | 50.0 % | – |',
    '| **all** | 50.0 % | 41.7 % | – |',
  ])
})
