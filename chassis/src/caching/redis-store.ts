import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { Redis } from 'ioredis'
import type { Registry } from 'prom-client'
import { BreakerOpen, createBreaker } from '../circuit-breaker.ts'
import type { Logger } from '../telemetry/log.ts'
import { maxValueLength, type Look, type Store } from './store.ts'
import { Untold, type Invalidated } from './untold.ts'

export interface RedisStoreOptions {
  readonly url: string
  /** Before every key: service and namespace. */
  readonly prefix: string
  /** Milliseconds for which a value is kept at most. */
  readonly ttl: number
  readonly log: Logger
  readonly registry: Registry
  readonly onError: () => void
}

/** Milliseconds that Redis has for an answer: loading takes hardly longer. */
const timeout = 150
/** Milliseconds for which it is left alone after it failed: a trial costs one request no more than the timeout. */
const resetTimeout = 2_000
/** Milliseconds until Redis is told again what could not be told. */
const retellPause = 1_000
/** Milliseconds; a tag that Redis has forgotten costs one load. */
const tagTtl = 3_600_000

/**
 * Values shared by all replicas. A value is kept with the versions that its tags had before it was loaded; invalidating a
 * tag gives it another random version. So a hit is one MGET, a version that Redis evicted can only be a miss, and nothing
 * has to be deleted. A Redis that is dead or slow is one that knows nothing.
 */
export async function openRedisStore(options: RedisStoreOptions): Promise<Store> {
  const { ttl, prefix, log, registry, onError } = options
  const redis = await connect(options)
  const act = (work: () => Promise<unknown>) => work()
  const breaker = createBreaker('redis', act, { metrics: registry, log }, { timeout, resetTimeout })
  const untold = new Untold()
  let retelling: NodeJS.Timeout | undefined

  const ask = async <Result>(work: () => Promise<Result>): Promise<Result | undefined> => {
    try {
      return (await breaker.call(work)) as Result
    } catch (error) {
      if (!(error instanceof BreakerOpen)) onError()
      return undefined
    }
  }
  const tell = async (): Promise<void> => {
    const batch = untold.take()
    if (!batch) return
    if (await ask(() => renew(batch))) return untold.told(batch)
    untold.failed(batch)
    retelling ??= setTimeout(() => {
      retelling = undefined
      void tell()
    }, retellPause).unref()
  }
  const renew = (batch: Invalidated) => {
    const keys = batch === 'all' ? [epochKey] : batch.map(tagKey)
    const pipeline = redis.pipeline()
    for (const key of keys) pipeline.set(key, newVersion(), 'PX', tagTtl)
    return succeeded(pipeline.exec())
  }
  const epochKey = `${prefix}epoch`
  const tagKey = (tag: string) => `${prefix}tag:${tag}`
  const valueKey = (key: string) => `${prefix}value:${key}`

  const find = async (key: string, tags: readonly string[]): Promise<Look> => {
    const tagKeys = [epochKey, ...tags.map(tagKey)]
    const [value, ...versions] = await redis.mget(valueKey(key), ...tagKeys)
    if (versions.includes(null)) return { version: joined(await giveVersions(tagKeys)) }
    const version = joined(versions)
    return value?.startsWith(`${version}\n`) ? { version, value: value.slice(version.length + 1) } : { version }
  }
  // Before the load, so that an invalidation during it changes them.
  const giveVersions = async (keys: readonly string[]): Promise<unknown[]> => {
    const pipeline = redis.pipeline()
    for (const key of keys) pipeline.set(key, newVersion(), 'PX', tagTtl, 'NX')
    await succeeded(pipeline.exec())
    return redis.mget(...keys)
  }

  return {
    async look(key, tags) {
      if (!untold.concerns(tags)) return ask(() => find(key, tags))
      // Another look may be telling already; until it has, what Redis keeps is not known to be true.
      await tell()
      return untold.concerns(tags) ? undefined : ask(() => find(key, tags))
    },
    keep(key, _tags, version, value) {
      if (value.length > maxValueLength) return
      void ask(() => redis.set(valueKey(key), `${version}\n${value}`, 'PX', ttl))
    },
    async invalidate(tags) {
      untold.add(tags)
      await tell()
    },
    starting: false,
    async close() {
      clearTimeout(retelling)
      await tell()
      clearTimeout(retelling)
      breaker.close()
      redis.disconnect()
    },
  }
}

async function connect({ url, log }: RedisStoreOptions): Promise<Redis> {
  const redis = new Redis(url, {
    connectionName: 'feira cache',
    // Who asks has no time to wait for a connection, nor a use for an answer that comes later.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: attempt => Math.min(100 * 2 ** attempt, 2_000),
    connectTimeout: 2_000,
    // A connection that was cut without a word would otherwise be waited on for minutes.
    socketTimeout: 2_000,
  })
  let away = false
  redis.on('error', error => {
    if (!away) log.warn({ err: error }, 'Redis is away: answers are not cached')
    away = true
  })
  redis.on('ready', () => {
    if (away) log.info('Redis is back')
    away = false
  })
  // The first requests should find it ready, but nobody waits for one that is away.
  await once(redis, 'ready', { signal: AbortSignal.timeout(500) }).catch(() => {})
  return redis
}

/** @throws the first error of a pipeline, which reports them one by one. */
async function succeeded(executed: Promise<[Error | null, unknown][] | null>): Promise<true> {
  const failed = (await executed)?.find(([error]) => error !== null)
  if (failed?.[0]) throw failed[0]
  return true
}

function newVersion(): string {
  return randomBytes(9).toString('base64url')
}

// A version that is missing even now (Redis is out of memory, say) must not equal another missing one.
function joined(versions: readonly unknown[]): string {
  return versions.map(version => (typeof version === 'string' ? version : newVersion())).join(',')
}
