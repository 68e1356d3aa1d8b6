import type { Registry } from 'prom-client'
import type { BaseConfig } from '../config.ts'
import type { Logger } from '../telemetry/log.ts'
import { createCache, type Cache } from './cache.ts'
import { createCacheMetrics, type CacheMetrics } from './cache-metrics.ts'
import { MemoryStore } from './memory-store.ts'
import { joinReplicas } from './replicas.ts'
import { openRedisStore } from './redis-store.ts'
import type { Store } from './store.ts'

export interface OpenCache extends Cache {
  /** Evicts tags in every replica; resolves when this process, and Redis if there is one, has done so. Never rejects. */
  invalidate(tags: readonly string[]): void | Promise<void>
  /** Whether it is about to keep answers; one that cannot, which costs time and nothing else, is not. */
  readonly starting: boolean
  close(): Promise<void>
}

export interface OpenCacheOptions {
  readonly service: string
  readonly config: BaseConfig
  readonly log: Logger
  readonly registry: Registry
}

/** Opens the cache of a service: none with `CACHE_TTL=0s`, in Redis with `REDIS_URL`, else in memory. */
export async function openCache(options: OpenCacheOptions): Promise<OpenCache> {
  const metrics = createCacheMetrics(options.registry)
  const store = await openStore(options, metrics)
  return {
    ...createCache(store, metrics),
    invalidate: tags => store?.invalidate(tags),
    get starting() {
      return store?.starting ?? false
    },
    close: async () => store?.close(),
  }
}

async function openStore(options: OpenCacheOptions, metrics: CacheMetrics): Promise<Store | undefined> {
  const { service, config, log, registry } = options
  const { CACHE_TTL: ttl, REDIS_URL: url, BROKER_NAMESPACE: namespace } = config
  if (ttl === 0) return undefined
  if (url === undefined) return openReplicatedMemory(options, metrics)
  const prefix = `${namespace}feira:${service}:`
  return openRedisStore({ url, prefix, ttl, log, registry, onError: () => metrics.failed() })
}

/**
 * A memory store whose replicas tell each other. While this process does not hear them it keeps nothing and trusts nothing.
 */
async function openReplicatedMemory(options: OpenCacheOptions, metrics: CacheMetrics): Promise<Store> {
  const { service, config, log } = options
  const memory = new MemoryStore({ ttl: config.CACHE_TTL, onEviction: () => metrics.evicted() })
  metrics.watch(memory)
  const replicas = await joinReplicas({
    service,
    url: config.BROKER_URL,
    namespace: config.BROKER_NAMESPACE,
    log,
    onTold: tags => (tags === 'all' ? memory.forget() : memory.invalidate(tags)),
    onHearing: () => memory.forget(),
  })
  return {
    look: (key, tags) => (replicas.hearing ? memory.look(key, tags) : undefined),
    keep: (key, tags, version, value) => memory.keep(key, tags, version, value),
    invalidate(tags) {
      memory.invalidate(tags)
      replicas.tell(tags)
    },
    get starting() {
      return !replicas.tried
    },
    close: () => replicas.close(),
  }
}
