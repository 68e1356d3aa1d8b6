import { Counter, Gauge, type Registry } from 'prom-client'
import type { MemoryStore } from './memory-store.ts'

export interface CacheMetrics {
  answered(found: 'HIT' | 'MISS'): void
  evicted(): void
  /** A call to the store, or to the other replicas, that failed. */
  failed(): void
  watch(memory: MemoryStore): void
}

export function createCacheMetrics(registry: Registry): CacheMetrics {
  const registers = [registry]
  const answers = new Counter({
    name: 'cache_answers_total',
    help: 'Answers that may come from the cache, by whether they did: hit, miss.',
    labelNames: ['result'],
    registers,
  })
  const evictions = new Counter({
    name: 'cache_evictions_total',
    help: 'Entries of the memory cache that had to make room for others.',
    registers,
  })
  const errors = new Counter({
    name: 'cache_errors_total',
    help: 'Calls to the cache that failed; the answer was loaded instead.',
    registers,
  })
  return {
    answered: found => answers.inc({ result: found === 'HIT' ? 'hit' : 'miss' }),
    evicted: () => evictions.inc(),
    failed: () => errors.inc(),
    watch: memory => watch(memory, registers),
  }
}

function watch(memory: MemoryStore, registers: Registry[]): void {
  const entries = new Gauge({
    name: 'cache_entries',
    help: 'Entries of the memory cache.',
    registers,
    collect() {
      entries.set(memory.entries)
    },
  })
  const bytes = new Gauge({
    name: 'cache_bytes',
    help: 'Approximate size of the memory cache.',
    registers,
    collect() {
      bytes.set(memory.bytes)
    },
  })
}
