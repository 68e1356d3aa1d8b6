export * from './auth/index.ts'
export type { Cache } from './caching/cache.ts'
export { BreakerOpen, BreakerTimeout, createBreaker, type Breaker } from './circuit-breaker.ts'
export {
  duration,
  durations,
  environment,
  flag,
  integer,
  names,
  timeZone,
  type ConfigOf,
  type Environment,
} from './config.ts'
export { baseConfig, ConfigError, readConfig } from './config.ts'
export { connectRedis } from './connect-redis.ts'
export { answerSnapshots } from './consuming/answer-snapshots.ts'
export { consume, consumeBatch, perform, type Consumer } from './consuming/consumer.ts'
export { isConflict, isUniqueViolation } from './database/database-errors.ts'
export { listen } from './database/listen.ts'
export { provisionDatabase } from './database/provision.ts'
export { eraseSubject } from './erasing/erase-subject.ts'
export * from './http/index.ts'
export { firstIdAt, momentOf, newId } from './ids.ts'
export { every, type Job } from './jobs.ts'
export { limitConcurrency } from './limit-concurrency.ts'
export { openedBy } from './opened.ts'
export { Counter, Gauge, Histogram, Registry } from 'prom-client'
export { Rejection, rejections } from './rejection.ts'
export * from './service.ts'
export { setUpService } from './setup.ts'
export { startService, type RunningService } from './start-service.ts'
export type { Logger } from './telemetry/log.ts'
export { sampledGauge, sampler } from './telemetry/sampled-gauge.ts'
export { annotate, currentTrace } from './telemetry/trace.ts'
export { sendAnswer } from './writing/idempotency.ts'
