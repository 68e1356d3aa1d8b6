import { once } from 'node:events'
import { Redis } from 'ioredis'
import { explainRefusal } from './certificates.ts'
import type { Logger } from './telemetry/log.ts'

export interface RedisConnection {
  /** Shown by `CLIENT LIST`. */
  readonly name: string
  readonly log: Logger
  /** What that means, for the log: `answers are not cached`. */
  readonly whenAway: string
}

/**
 * Connects to Redis, as often as need be. One that is away is waited for half a second at most, here alone: commands fail
 * at once until it is back.
 */
export async function connectRedis(url: string, { name, log, whenAway }: RedisConnection): Promise<Redis> {
  const redis = new Redis(url, {
    connectionName: name,
    // Who asks has no time to wait for a connection, nor a use for an answer that comes later.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: attempt => Math.min(100 * 2 ** attempt, 2_000),
    connectTimeout: 2_000,
    // A connection that was cut without a word would otherwise be waited on for minutes.
    socketTimeout: 2_000,
    // After a failover the old primary goes on answering, but takes nothing; its name leads to the new one.
    reconnectOnError: error => error.message.includes('READONLY'),
  })
  let away = false
  redis.on('error', error => {
    if (!away) log.warn({ err: explainRefusal(error, `Redis at ${new URL(url).host}`) }, `Redis is away: ${whenAway}`)
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
