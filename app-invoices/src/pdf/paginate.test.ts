import fc from 'fast-check'
import { expect, test } from 'vitest'
import { paginate } from './paginate.ts'

test.each<[number[], number[][]]>([
  [[], [[]]],
  [[10], [[0]]],
  [
    [10, 10, 10],
    [[0, 1], [2]],
  ],
  [
    [30, 10],
    [[], [0, 1]],
  ],
  [
    [10, 50, 10],
    [[0], [1], [2]],
  ],
])('rows of %j on pages of 20, then 40', (heights, pages) => {
  expect(paginate(heights, { firstPage: 20, otherPages: 40 })).toEqual(pages)
})

test('every row is on one page, in order, and no page is too full unless by a single row', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 60 })),
      fc.integer({ min: 0, max: 40 }),
      fc.integer({ min: 1, max: 50 }),
      (heights, firstPage, otherPages) => {
        const pages = paginate(heights, { firstPage, otherPages })
        expect(pages.flat()).toEqual(heights.map((_, row) => row))
        for (const [index, page] of pages.entries()) {
          const used = page.reduce((sum, row) => sum + (heights[row] ?? 0), 0)
          const room = index === 0 ? firstPage : otherPages
          expect(used <= room || (page.length === 1 && index > 0)).toBe(true)
          expect(page.length > 0 || index === 0).toBe(true)
        }
      },
    ),
  )
})
