import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MemoryStore } from './memory-store.ts'
import { maxValueLength } from './store.ts'
import { TagVersions } from './tag-versions.ts'

const keep = (store: MemoryStore, key: string, value: string, tags: readonly string[] = []) =>
  store.keep(key, tags, store.look(key, tags).version, value)

test('the least recently used entry makes room', () => {
  let evictions = 0
  const store = new MemoryStore({ ttl: 1_000, maxEntries: 2, onEviction: () => evictions++ })
  keep(store, 'a', '1')
  keep(store, 'b', '2')
  store.look('a', [])
  keep(store, 'c', '3')
  expect(['a', 'b', 'c'].map(key => store.look(key, []).value)).toEqual(['1', undefined, '3'])
  expect(evictions).toBe(1)
})

test('its size is bounded, and counted right whatever comes and goes', () => {
  const store = new MemoryStore({ ttl: 1_000, maxBytes: 3_000 })
  for (let n = 0; n < 10; n++) keep(store, `key-${n}`, 'x'.repeat(300))
  expect(store.entries).toBe(3)
  expect(store.bytes).toBeLessThanOrEqual(3_000)
  keep(store, 'key-9', 'y')
  keep(store, 'large', 'x'.repeat(maxValueLength + 1))
  expect(store.look('large', []).value).toBeUndefined()
  store.forget()
  expect([store.entries, store.bytes]).toEqual([0, 0])
})

test('an entry whose time is over is gone', () => {
  const store = new MemoryStore({ ttl: 0 })
  keep(store, 'a', '1')
  expect(store.look('a', []).value).toBeUndefined()
  expect(store.entries).toBe(0)
})

const tagsOf = { a: ['red', 'green'], b: ['green', 'blue'] } as const
const key = fc.constantFrom('a' as const, 'b' as const)
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('begin' as const), key }) },
  // Of those under way, counted from the youngest.
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('finish' as const), load: fc.nat(3) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('look' as const), key }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('invalidate' as const), tag: fc.constantFrom('red', 'green', 'blue') }) }, // prettier-ignore
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('forget' as const) }) },
)

type Step = typeof step extends fc.Arbitrary<infer Each> ? Each : never

/** A store beside the truth: a load reads it when it begins, and may finish at any time later. */
class World {
  readonly found = { true: 0, stale: 0 }
  readonly #store = new MemoryStore({ ttl: 60_000 })
  readonly #changes = new Map<string, number>()
  readonly #loads: { readonly key: 'a' | 'b'; readonly version: number; readonly value: string }[] = []

  apply(next: Step): void {
    if (next.kind === 'begin') this.#begin(next.key)
    else if (next.kind === 'finish') this.#finish(next.load)
    else if (next.kind === 'look') this.#look(next.key)
    else if (next.kind === 'invalidate') this.#invalidate(next.tag)
    else this.#store.forget()
  }

  #truth(of: 'a' | 'b'): string {
    return tagsOf[of].map(each => this.#changes.get(each) ?? 0).join()
  }

  #begin(of: 'a' | 'b'): void {
    this.#loads.push({ key: of, version: this.#store.look(of, tagsOf[of]).version, value: this.#truth(of) })
  }

  #finish(index: number): void {
    const load = this.#loads.at(-1 - index)
    if (load) this.#store.keep(load.key, tagsOf[load.key], load.version, load.value)
  }

  #look(of: 'a' | 'b'): void {
    const { value } = this.#store.look(of, tagsOf[of])
    if (value !== undefined) this.found[value === this.#truth(of) ? 'true' : 'stale']++
  }

  #invalidate(tag: string): void {
    this.#changes.set(tag, (this.#changes.get(tag) ?? 0) + 1)
    this.#store.invalidate([tag])
  }
}

test('whatever overlaps whatever, nothing older than the last invalidation of its tags is found', () => {
  let found = 0
  fc.assert(
    fc.property(fc.array(step, { minLength: 30, maxLength: 60 }), steps => {
      const world = new World()
      for (const each of steps) world.apply(each)
      found += world.found.true
      expect(world.found.stale).toBe(0)
    }),
  )
  expect(found).toBeGreaterThan(50)
})

test('the memory of invalidations is bounded: beyond that everything counts as invalidated', () => {
  const versions = new TagVersions()
  versions.bump(['mine'])
  const before = versions.of(['mine'])
  for (let n = 0; n < 9_000; n++) versions.bump([`other-${n}`])
  expect(versions.of(['mine'])).toBe(before)
  for (let n = 9_000; n < 11_000; n++) versions.bump([`other-${n}`])
  expect(versions.of(['mine'])).toBeGreaterThan(before)
})
