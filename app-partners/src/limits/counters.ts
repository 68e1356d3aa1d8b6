import { connectRedis, createBreaker, openedBy, type Resources, type Startup } from '@feira/chassis'
import {
  RateLimiterPostgres,
  RateLimiterRedis,
  RateLimiterRes,
  type IRateLimiterOptions,
  type RateLimiterStoreAbstract,
} from 'rate-limiter-flexible'
import type { Config } from '../config.ts'
import type { Quota, Usage } from '../domain/rate-limit.ts'

/** Counts requests, for all replicas together. */
export interface Counters {
  /** Counts one request of a key. */
  count(key: string, quota: Quota): Promise<Usage>
  /** Says how far the quota is used, without counting. */
  look(key: string, quota: Quota): Promise<Usage>
}

interface Store extends Counters {
  close(): void
}

const opened = openedBy<Counters>('openCounters')

/** Opens the counters of a service: in Redis with `REDIS_URL`, and in PostgreSQL without it or while it is away. */
export const openCounters: Startup<Config> = async resources => {
  const store = await openStore(resources)
  opened.set(resources, store)
  return () => store.close()
}

/** The counters of a running service. */
export const countersOf = opened.of

async function openStore(resources: Resources<Config>): Promise<Store> {
  const inPostgres = countersIn(options => {
    const storeClient = { query: resources.query }
    const table = { tableName: 'rate_limits', tableCreated: true, clearExpiredByTimeout: false }
    return new RateLimiterPostgres({ ...options, ...table, storeClient, storeType: 'client' })
  })
  const { REDIS_URL: url } = resources.config
  if (url === undefined) return { ...inPostgres, close() {} }
  return openRedisFirst(resources, url, inPostgres)
}

/** Milliseconds that Redis has for an answer. */
const timeout = 250
/** Milliseconds for which it is left alone after it failed. */
const resetTimeout = 2_000

/** While Redis is away PostgreSQL counts, from nothing: a partner may then use its quota twice, once. */
async function openRedisFirst(resources: Resources<Config>, url: string, otherwise: Counters): Promise<Store> {
  const { BROKER_NAMESPACE: namespace } = resources.config
  const whenAway = 'PostgreSQL counts requests'
  const redis = await connectRedis(url, { name: 'feira limits', log: resources.log, whenAway })
  const inRedis = countersIn(options => {
    const keyPrefix = `${namespace}feira:partners:limit:${options.keyPrefix}`
    return new RateLimiterRedis({ ...options, keyPrefix, storeClient: redis })
  })
  const ask = (how: keyof Counters, key: string, quota: Quota) => inRedis[how](key, quota)
  const breaker = createBreaker('redis-limits', ask, resources, { timeout, resetTimeout })
  const first = (how: keyof Counters) => (key: string, quota: Quota) =>
    breaker.call(how, key, quota).catch(() => otherwise[how](key, quota))
  return {
    count: first('count'),
    look: first('look'),
    close() {
      breaker.close()
      redis.disconnect()
    },
  }
}

function countersIn(make: (options: IRateLimiterOptions) => RateLimiterStoreAbstract): Counters {
  // One for each quota; they are few, since admins set them.
  const limiters = new Map<string, RateLimiterStoreAbstract>()
  const limiterOf = ({ seconds, limit }: Quota): RateLimiterStoreAbstract => {
    const name = `${limit}/${seconds}`
    const known = limiters.get(name)
    if (known) return known
    // What a limiter has refused it goes on refusing without asking, until the time is over.
    const memory = { inMemoryBlockOnConsumed: limit + 1 }
    const limiter = make({ points: limit, duration: seconds, keyPrefix: `${seconds}s`, ...memory })
    limiters.set(name, limiter)
    return limiter
  }
  return {
    count: (key, quota) =>
      limiterOf(quota)
        .consume(key)
        .then(
          spent => usageOf(quota, spent, false),
          (reason: unknown) => {
            if (reason instanceof RateLimiterRes) return usageOf(quota, reason, true)
            throw reason
          },
        ),
    look: async (key, quota) => usageOf(quota, await limiterOf(quota).get(key), false),
  }
}

function usageOf(quota: Quota, spent: RateLimiterRes | null, exceeded: boolean): Usage {
  const { remainingPoints = quota.limit, msBeforeNext = quota.seconds * 1_000 } = spent ?? {}
  return { ...quota, remaining: remainingPoints, resetMs: msBeforeNext, exceeded }
}
