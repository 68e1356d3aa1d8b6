import { randomBytes } from 'node:crypto'
import type { Redis } from 'ioredis'
import type { Registry } from 'prom-client'
import { BreakerOpen, createBreaker, type Breaker } from '../circuit-breaker.ts'
import { connectRedis } from '../connect-redis.ts'
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

/** Connects to Redis; a Redis that is away is waited for half a second at most. */
export async function openRedisStore(options: RedisStoreOptions): Promise<Store> {
  const { url, log } = options
  const redis = await connectRedis(url, { name: 'feira cache', log, whenAway: 'answers are not cached' })
  return new RedisStore(redis, options)
}

/**
 * Values shared by all replicas. A value is kept with the versions that its tags had before it was loaded; invalidating a
 * tag gives it another random version. So a hit is one MGET, a version that Redis evicted can only be a miss, and nothing
 * has to be deleted. A Redis that is dead or slow is one that knows nothing.
 */
class RedisStore implements Store {
  readonly starting = false
  readonly #redis: Redis
  readonly #options: RedisStoreOptions
  readonly #breaker: Breaker<[() => Promise<unknown>], unknown>
  readonly #untold = new Untold()
  #retelling: NodeJS.Timeout | undefined

  constructor(redis: Redis, options: RedisStoreOptions) {
    this.#redis = redis
    this.#options = options
    const resources = { metrics: options.registry, log: options.log }
    this.#breaker = createBreaker('redis', (work: () => Promise<unknown>) => work(), resources, {
      timeout,
      resetTimeout,
    })
  }

  async look(key: string, tags: readonly string[]): Promise<Look | undefined> {
    // Another look may be telling already; until it has, what Redis keeps is not known to be true.
    if (this.#untold.concerns(tags)) await this.#tell()
    if (this.#untold.concerns(tags)) return undefined
    return this.#ask(() => this.#find(key, tags))
  }

  keep(key: string, _tags: readonly string[], version: Look['version'], value: string): void {
    if (value.length > maxValueLength) return
    void this.#ask(() => this.#redis.set(this.#valueKey(key), `${version}\n${value}`, 'PX', this.#options.ttl))
  }

  async invalidate(tags: readonly string[]): Promise<void> {
    this.#untold.add(tags)
    await this.#tell()
  }

  async close(): Promise<void> {
    await this.#tell()
    clearTimeout(this.#retelling)
    this.#breaker.close()
    this.#redis.disconnect()
  }

  /** @returns `undefined` when Redis did not answer. */
  async #ask<Result>(work: () => Promise<Result>): Promise<Result | undefined> {
    try {
      return (await this.#breaker.call(work)) as Result
    } catch (error) {
      if (!(error instanceof BreakerOpen)) this.#options.onError()
      return undefined
    }
  }

  async #tell(): Promise<void> {
    const batch = this.#untold.take()
    if (!batch) return
    if (await this.#ask(() => this.#renew(batch))) return this.#untold.told(batch)
    this.#untold.failed(batch)
    this.#retelling ??= setTimeout(() => {
      this.#retelling = undefined
      void this.#tell()
    }, retellPause).unref()
  }

  #renew(batch: Invalidated): Promise<true> {
    const keys = batch === 'all' ? [this.#epochKey] : batch.map(tag => this.#tagKey(tag))
    const pipeline = this.#redis.pipeline()
    for (const key of keys) pipeline.set(key, newVersion(), 'PX', tagTtl)
    return succeeded(pipeline.exec())
  }

  async #find(key: string, tags: readonly string[]): Promise<Look> {
    const tagKeys = [this.#epochKey, ...tags.map(tag => this.#tagKey(tag))]
    const [value, ...versions] = await this.#redis.mget(this.#valueKey(key), ...tagKeys)
    if (versions.includes(null)) return { version: joined(await this.#giveVersions(tagKeys)) }
    const version = joined(versions)
    return value?.startsWith(`${version}\n`) ? { version, value: value.slice(version.length + 1) } : { version }
  }

  // Before the load, so that an invalidation during it changes them.
  async #giveVersions(keys: readonly string[]): Promise<unknown[]> {
    const pipeline = this.#redis.pipeline()
    for (const key of keys) pipeline.set(key, newVersion(), 'PX', tagTtl, 'NX')
    await succeeded(pipeline.exec())
    return this.#redis.mget(...keys)
  }

  /** Its version is part of every other. */
  get #epochKey(): string {
    return `${this.#options.prefix}epoch`
  }

  #tagKey(tag: string): string {
    return `${this.#options.prefix}tag:${tag}`
  }

  #valueKey(key: string): string {
    return `${this.#options.prefix}value:${key}`
  }
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
