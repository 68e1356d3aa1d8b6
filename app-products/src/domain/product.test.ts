import fc from 'fast-check'
import { expect, test } from 'vitest'
import { amend, fold, newProduct, revisionOf, searchTextOf, type ProductChange, type ProductFields } from './product.ts'

const fields: fc.Arbitrary<ProductFields> = fc.record({
  sku: fc.string(),
  name: fc.string(),
  description: fc.option(fc.string()),
  category: fc.option(fc.string()),
  priceCents: fc.integer({ min: 1 }),
})
const created = new Date('2026-11-22T00:00:00Z')
const later = new Date('2026-11-23T00:00:00Z')
const made = (of: ProductFields) => newProduct({ ...of, id: 'p', currency: 'BRL', at: created })

test('a change makes the next version, and keeps what it does not name', () => {
  fc.assert(
    fc.property(
      fields,
      fields,
      fc.subarray(['sku', 'name', 'description', 'category', 'priceCents']),
      (a, b, names) => {
        const change: ProductChange = Object.fromEntries(names.map(name => [name, b[name as keyof typeof b]]))
        const product = made(a)
        const amended = amend(product, change, later)
        expect(amended).toMatchObject({ ...a, ...change, id: 'p', createdAt: created })
        const same = names.every(name => a[name as keyof typeof a] === b[name as keyof typeof b])
        expect(amended.version).toBe(same ? 1 : 2)
        expect(amended === product).toBe(same)
        expect(amended.updatedAt).toBe(same ? created : later)
      },
    ),
  )
})

test('what is undefined stays as it is', () => {
  const product = made({ sku: 'A', name: 'a', description: null, category: 'x', priceCents: 1 })
  expect(amend(product, { name: undefined, category: undefined }, later)).toBe(product)
  expect(amend(product, { name: undefined, category: null }, later)).toMatchObject({ name: 'a', category: null })
})

test('no two states of a product have the same revision', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('version', 'stockVersion', 'both')), changes => {
      const state = { version: 1, stockVersion: 1 }
      const revisions = [revisionOf(state)]
      for (const change of changes) {
        if (change !== 'stockVersion') state.version++
        if (change !== 'version') state.stockVersion++
        revisions.push(revisionOf(state))
      }
      expect(revisions[0]).toBe(1)
      expect(revisions).toEqual([...new Set(revisions)].toSorted((a, b) => a - b))
    }),
  )
})

test.each([
  ['Café da Serra', 'cafe da serra'],
  ['AÇÚCAR', 'acucar'],
  ['Pão de Queijo', 'pao de queijo'],
  ['Škoda ﬁ', 'skoda fi'],
  ['日本', '日本'],
])('%s is found as %s', (text, folded) => expect(fold(text)).toBe(folded))

test('name and SKU are searched, but nothing across the two', () => {
  const text = searchTextOf({ name: 'Café', sku: 'CAFE-250' })
  expect(text.includes('cafe-250')).toBe(true)
  expect(text.includes(fold('éCAFE'))).toBe(false)
})
