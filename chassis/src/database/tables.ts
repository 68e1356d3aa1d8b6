import { sql } from 'drizzle-orm'
import {
  bigint,
  index,
  integer,
  jsonb,
  pgSchema,
  primaryKey,
  text,
  timestamp,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core'

/** The chassis' own tables live beside the service's, in a schema of their own, so that names never clash. */
export const chassis = pgSchema('chassis')

const at = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' })

/** Messages written in the same transaction as the data they speak of; the relay publishes them. */
export const outbox = chassis.table(
  'outbox',
  {
    /** UUIDv7: claimed in this order, and the message id unless `message_id` says otherwise. */
    id: uuid().primaryKey(),
    /** Set for a replay, which keeps the id of the message it repeats. */
    messageId: text('message_id'),
    type: text().notNull(),
    /** Set for a message to one queue alone, with or without its namespace; null goes to the exchange. */
    queue: text(),
    aggregateType: text('aggregate_type').notNull(),
    aggregateId: text('aggregate_id').notNull(),
    aggregateVersion: bigint('aggregate_version', { mode: 'number' }),
    payload: jsonb().notNull(),
    headers: jsonb().$type<Record<string, string>>().notNull(),
    /** Whose personal data the payload holds. */
    subjectId: text('subject_id'),
    /** In which of its fields, separated by commas. */
    personalFields: text('personal_fields'),
    createdAt: at('created_at').notNull().defaultNow(),
    publishedAt: at('published_at'),
    /** Set while no queue takes the message; it is tried again later without holding up those behind it. */
    unroutedAt: at('unrouted_at'),
  },
  table => [
    index('outbox_pending')
      .on(table.id)
      .where(sql`published_at is null and unrouted_at is null`),
    index('outbox_unrouted')
      .on(table.unroutedAt)
      .where(sql`unrouted_at is not null`),
    index('outbox_subject')
      .on(table.subjectId)
      .where(sql`subject_id is not null`),
    index('outbox_subject_unknown')
      .on(table.id)
      .where(sql`subject_id is null and personal_fields is not null`),
  ],
)

/** The inbox: which message each consumer has handled; written in the transaction of its effects. */
export const processedMessages = chassis.table(
  'processed_messages',
  {
    consumer: text().notNull(),
    messageId: text('message_id').notNull(),
    processedAt: at('processed_at').notNull().defaultNow(),
  },
  table => [
    primaryKey({ columns: [table.consumer, table.messageId] }),
    index('processed_messages_processed_at').using('brin', table.processedAt),
  ],
)

/** Messages that came back without an answer, with how often: one that kills its process is parked after a few. */
export const suspectMessages = chassis.table(
  'suspect_messages',
  {
    consumer: text().notNull(),
    messageId: text('message_id').notNull(),
    deliveries: integer().notNull(),
    seenAt: at('seen_at').notNull().defaultNow(),
  },
  table => [primaryKey({ columns: [table.consumer, table.messageId] })],
)

/** Answers kept for repeated requests. */
export const idempotencyKeys = chassis.table(
  'idempotency_keys',
  {
    /** Caller and route: the same key of another caller is another key. */
    scope: text().notNull(),
    key: text().notNull(),
    /** The attempt that holds the key; lets a writer recognise its own row after a lost connection. */
    claimId: uuid('claim_id').notNull(),
    /** SHA-256 of the validated body, base64. */
    requestHash: text('request_hash').notNull(),
    /** Null only inside the transaction that is still working on it; 410 once its subject was erased. */
    status: integer(),
    headers: jsonb().$type<Record<string, string>>(),
    body: jsonb(),
    /** Whose personal data the answer holds. */
    subjectId: text('subject_id'),
    createdAt: at('created_at').notNull().defaultNow(),
  },
  table => [
    primaryKey({ columns: [table.scope, table.key] }),
    index('idempotency_keys_created_at').using('brin', table.createdAt),
    index('idempotency_keys_subject')
      .on(table.subjectId)
      .where(sql`subject_id is not null`),
  ],
)

/** Messages that were given up, drained from the `.dlq` queues; looked at, grouped and replayed with SQL. */
export const deadLetters = chassis.table(
  'dead_letters',
  {
    id: uuid().primaryKey(),
    queue: text().notNull(),
    messageId: text('message_id').notNull(),
    type: text().notNull(),
    reason: text().notNull(),
    error: text(),
    attempts: integer().notNull(),
    /** Equal for messages that died of the same cause. */
    fingerprint: text().notNull(),
    traceId: text('trace_id'),
    aggregateId: text('aggregate_id'),
    /** Whose personal data the payload holds. */
    subjectId: text('subject_id'),
    /** In which of its fields, separated by commas. */
    personalFields: text('personal_fields'),
    /** Empty once it was erased. */
    payload: text().notNull(),
    headers: jsonb().$type<Record<string, unknown>>().notNull(),
    diedAt: at('died_at').notNull().defaultNow(),
    replayedAt: at('replayed_at'),
  },
  table => [
    index('dead_letters_fingerprint').on(table.fingerprint, table.id),
    uniqueIndex('dead_letters_message')
      .on(table.queue, table.messageId)
      .where(sql`replayed_at is null`),
    index('dead_letters_subject')
      .on(table.subjectId)
      .where(sql`subject_id is not null`),
  ],
)

/** Whose personal data was erased; what still comes in about them is blanked. Kept for good: it is only an id. */
export const erasedSubjects = chassis.table(
  'erased_subjects',
  {
    subjectId: text('subject_id').primaryKey(),
    erasedAt: at('erased_at').notNull().defaultNow(),
    /** How often the erasure was repeated for what was in flight. */
    sweeps: integer().notNull().default(0),
    /** When it is repeated next; null when there is nothing left to wait for. */
    nextSweepAt: at('next_sweep_at'),
  },
  table => [
    index('erased_subjects_next_sweep_at')
      .on(table.nextSweepAt)
      .where(sql`next_sweep_at is not null`),
  ],
)

/** The public keys of those who issue tokens, as last fetched: a start need not wait for them. */
export const issuerKeys = chassis.table('issuer_keys', {
  issuer: text().primaryKey(),
  jwks: jsonb().notNull(),
  fetchedAt: at('fetched_at').notNull().defaultNow(),
})
