import { expect, test } from 'vitest'
import { evict, tagsOfOrders } from './evict.ts'

function evicted(tags: readonly string[]): string[] {
  const told: string[] = []
  evict({ invalidate: (...each: string[]) => void told.push(...each) } as Parameters<typeof evict>[0], tags)
  return told
}

const orders = (count: number) => tagsOfOrders(Array.from({ length: count }, (_, index) => `o${index}`))

test('what shows an order is evicted by its id and in every list, each tag once', () => {
  expect(evicted([...orders(2), ...orders(1)])).toEqual(['orders', 'order:o0', 'order:o1'])
  expect(tagsOfOrders([])).toEqual([])
})

test('a batch is evicted one by one, and the orders of somebody with thousands all at once', () => {
  expect(evicted(orders(200))).toHaveLength(201)
  expect(evicted(orders(5_000))).toEqual(['model'])
})
