import type { Data, Message, Payload } from '@feira/contracts'
import type { NodePgDatabase } from 'drizzle-orm/node-postgres'
import type {
  FastifyBaseLogger,
  FastifyInstance,
  FastifyRequest,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { QueryConfig, QueryResult, QueryResultRow } from 'pg'
import type { Registry } from 'prom-client'
import type { ApiKeys } from './auth/api-keys.ts'
import type { Cache } from './caching/cache.ts'
import type { BaseConfig, ConfigShape } from './config.ts'
import type { Consumer } from './consuming/consumer.ts'
import type { Job } from './jobs.ts'
import type { Logger } from './telemetry/log.ts'
import type { TraceContext } from './telemetry/trace.ts'

export type Database = NodePgDatabase<Record<string, never>>
export type App = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  ZodTypeProvider
>

/** Runs one statement; give it a `name` to have it prepared once per connection. */
export type Query = <Row extends QueryResultRow>(statement: QueryConfig) => Promise<QueryResult<Row>>

/** A message that led to another one; what a consumer received is one. */
export interface Cause {
  readonly id: string
  readonly correlationId: string | undefined
  readonly trace: TraceContext
}

export interface PublishOptions {
  /**
   * The message that led to this one; its trace and correlation go on. A `consume` handler's own message is the default,
   * a `consumeBatch` handler names it.
   */
  readonly cause?: Cause
  /** Send to this queue alone (`<service>.<consumer>`, without namespace) instead of to everybody who listens. */
  readonly queue?: string
}

/** One database transaction. What is published on it leaves only if it commits. */
export interface Transaction {
  readonly db: Database
  readonly query: Query
  /** @throws when the payload does not fit the message's schema. */
  publish<M extends Message>(message: M, payload: Payload<M>, options?: PublishOptions): void
  /** Evicts what is cached with these tags, in every replica, after the commit; see {@link Cache}. */
  readonly invalidate: (...tags: readonly string[]) => void
  /** Does what must only be done, or said, of what is committed, such as a log line; lost in a crash just then. */
  readonly afterCommit: (work: () => void) => void
}

/**
 * Runs `work` in one transaction. Serialization failures and deadlocks repeat it, so `work` must have no effect outside
 * the database.
 */
export type Transact = <Result>(work: (tx: Transaction) => Promise<Result>) => Promise<Result>

/** What a route answers, kept with its Idempotency-Key so that a repeated request gets the same. */
export interface Answer<Body = unknown> {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body: Body
  /**
   * Whom the answer is about: erasing them blanks it. Default nobody (null); of a group commit, the subject of its first
   * message.
   */
  readonly subjectId?: string | null
}

/**
 * Like {@link Transact} for a request that may carry an Idempotency-Key: the key is claimed and the answer stored in the
 * same transaction; a repeated request gets the stored answer and `work` does not run.
 */
export type TransactOnce = <Body>(
  request: FastifyRequest,
  work: (tx: Transaction) => Promise<Answer<Body>>,
) => Promise<Answer<Body>>

/** The table rows of a {@link GroupCommit}. */
export interface GroupCommitDefinition {
  /** Names the prepared statement and its span. */
  readonly name: string
  /** What the rows hold: column names and their PostgreSQL types. */
  readonly columns: Readonly<Record<string, string>>
  /** Common table expressions, separated by commas, that insert from the relation `accepted`, whose columns these are. */
  readonly statements: string
}

export interface GroupWrite<Body> {
  readonly row: Readonly<Record<string, unknown>>
  /** Publishes the messages of the request, at least one. */
  readonly publish: (tx: Pick<Transaction, 'publish'>) => void
  /** Does what must only be said of what this request wrote, such as counting it; lost in a crash just then. */
  readonly afterCommit?: () => void
  /** Complete before anything is written, because ids and times are made in code. */
  readonly answer: Answer<Body>
}

/**
 * For the hottest writes: like {@link TransactOnce}, but requests in flight at the same time share one statement and one
 * commit. What a request writes is prepared outside of it, by reads if need be; if that throws a `Rejection`, a repeated
 * request still gets the answer that the first one got.
 */
export type GroupCommit = (
  definition: GroupCommitDefinition,
) => <Body>(request: FastifyRequest, prepare: () => Promise<GroupWrite<Body>>) => Promise<Answer<Body>>

/** What the chassis hands to routes and consumers. */
export interface Resources<Config = unknown> {
  readonly config: BaseConfig & Config
  /** For reads; writes go through a transaction. */
  readonly db: Database
  readonly query: Query
  readonly transact: Transact
  readonly transactOnce: TransactOnce
  readonly groupCommit: GroupCommit
  readonly cache: Cache
  readonly log: Logger
  readonly metrics: Registry
}

/** Registers the endpoints of one use case. */
export type Route<Config = unknown> = (app: App, resources: Resources<Config>) => void

/**
 * What a service does before it listens; what it throws keeps the service from starting. It may return what to do when
 * the service begins to stop, while requests and messages in flight finish.
 */
export type Startup<Config = unknown> = (resources: Resources<Config>) => Promise<void | (() => void | Promise<void>)>

/** A service is a plain value: importing it does nothing, and reading it answers what the service does. */
export interface Service<Config = never> {
  /** Without the `app-` of its folder: `orders`. Part of its queues' names. */
  readonly name: string
  readonly summary: string
  readonly port: number
  /** The public paths, as the gateway routes them. */
  readonly paths: readonly string[]
  /** Its own environment variables, beside those of every service. */
  readonly config?: ConfigShape
  /** Callers may also sign their requests with keys of its own. */
  readonly apiKeys?: ApiKeys<Config>
  /** The folder of its drizzle-kit migrations. */
  readonly migrations: URL
  /** One after the other, once the database is migrated. */
  readonly startup?: readonly Startup<Config>[]
  readonly routes: readonly Route<Config>[]
  readonly consumers: readonly Consumer<Config>[]
  /** What it repeats at an interval, see `every`. */
  readonly jobs?: readonly Job<Config>[]
}

/** Declares a service; it runs when `runService` or `startService` is given it. */
export function defineService<Config = unknown>(service: Service<Config>): Service<Config> {
  return service
}

/** A validated message as a consumer sees it; of several types, its `type` tells which. */
export type Received<M extends Message = Message> = M extends Message ? ReceivedOf<M> : never

interface ReceivedOf<M extends Message> extends Cause {
  readonly type: M['type']
  readonly data: Data<M>
  /** The message that its publisher was answering. */
  readonly causedBy: string | undefined
  /** When its publisher wrote it. */
  readonly publishedAt: Date | undefined
}
