import { sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  timestamp,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core'
import type { EventKind, EventState, Outcome } from './domain/event.ts'

const at = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' })

export const partners = pgTable(
  'partners',
  {
    /** Of a partner that signs in with tokens: the id of its user, the claim `sub`. */
    id: uuid().primaryKey(),
    /** Null when erased. */
    name: text(),
    email: text(),
    status: text().$type<'active' | 'blocked'>().notNull().default('active'),
    /** Null: the service's own limits. */
    limitPerMinute: integer('limit_per_minute'),
    limitPerSecond: integer('limit_per_second'),
    /** Where it is told what became of its events. */
    webhookUrl: text('webhook_url'),
    /** What webhooks are signed with; see https://www.standardwebhooks.com. */
    webhookSecret: text('webhook_secret'),
    version: integer().notNull().default(1),
    createdAt: at('created_at').notNull(),
    updatedAt: at('updated_at').notNull(),
    /** A row with it is final: its keys and tokens count no more. */
    deletedAt: at('deleted_at'),
  },
  // Not by id: those of users tell no time.
  table => [index('partners_created_at').on(table.createdAt, table.id)],
)

/** API keys; what is kept cannot be turned back into one. */
export const partnerKeys = pgTable(
  'partner_keys',
  {
    id: uuid().primaryKey(),
    partnerId: uuid('partner_id').notNull(),
    label: text(),
    /** SHA-256 of the whole key, hex. */
    hash: text().notNull(),
    createdAt: at('created_at').notNull(),
    revokedAt: at('revoked_at'),
  },
  table => [index('partner_keys_partner').on(table.partnerId, table.id)],
)

export const events = pgTable(
  'events',
  {
    /** UUIDv7: its order is the order of arrival, which lists and their cursors rely on. */
    id: uuid().primaryKey(),
    partnerId: uuid('partner_id').notNull(),
    /** What the partner calls it, `evento_id`: the same again is the same event. */
    partnerReference: text('partner_reference'),
    kind: text().$type<EventKind>().notNull(),
    /** `dados` as they were accepted. Null once the partner is erased. */
    data: jsonb().$type<Readonly<Record<string, unknown>>>(),
    /** SHA-256 of kind and what the data means, hex: the same reference with other contents is a mistake. */
    contentHash: text('content_hash').notNull(),
    state: text().$type<EventState>().notNull(),
    /** Attempts begun since it arrived or was retried by hand. */
    attempts: integer().notNull().default(0),
    /** The order that it placed or returned. */
    orderId: uuid('order_id'),
    /** What it came to: `completed`, `refused` or `dead` has one. */
    outcome: jsonb().$type<Outcome>(),
    /** When an answer is overdue, or the next attempt is due; null when nothing is expected. */
    dueAt: at('due_at'),
    version: integer().notNull().default(1),
    receivedAt: at('received_at').notNull(),
    updatedAt: at('updated_at').notNull(),
    /** When it got its first final state. */
    settledAt: at('settled_at'),
  },
  table => [
    uniqueIndex('events_reference')
      .on(table.partnerId, table.partnerReference)
      .where(sql`partner_reference is not null`),
    index('events_partner').on(table.partnerId, table.id),
    index('events_partner_state').on(table.partnerId, table.state, table.id),
    index('events_partner_kind').on(table.partnerId, table.kind, table.id),
    index('events_state').on(table.state, table.id),
    index('events_kind').on(table.kind, table.id),
    index('events_order').on(table.orderId),
    index('events_due')
      .on(table.dueAt)
      .where(sql`due_at is not null`),
  ],
)

export type EventRow = typeof events.$inferSelect

/** One row for each step of an event. */
export const eventSteps = pgTable(
  'event_steps',
  {
    eventId: uuid('event_id').notNull(),
    /** The version of the event that it made: 1 for the first. */
    number: integer().notNull(),
    state: text().$type<EventState>().notNull(),
    /** Why, in one sentence, where the state does not say it all. */
    detail: text(),
    at: at('at').notNull(),
  },
  table => [primaryKey({ columns: [table.eventId, table.number] })],
)

/** How many events of a partner are of a kind and in a state: so that statistics need not read all events. */
export const eventTallies = pgTable(
  'event_tallies',
  {
    partnerId: uuid('partner_id').notNull(),
    kind: text().$type<EventKind>().notNull(),
    state: text().$type<EventState>().notNull(),
    events: bigint({ mode: 'number' }).notNull(),
  },
  table => [primaryKey({ columns: [table.partnerId, table.kind, table.state] })],
)

/**
 * What is still to be added to the tallies and to the metrics: a row for each change of an event's state. Whoever writes
 * events only adds rows here, and so waits for nobody; the job `sum-tallies` takes them away.
 */
export const eventTallyChanges = pgTable('event_tally_changes', {
  partnerId: uuid('partner_id').notNull(),
  kind: text().$type<EventKind>().notNull(),
  /** Null for an event that is new. */
  was: text().$type<EventState>(),
  state: text().$type<EventState>().notNull(),
  /** How long it took to its first final state; null for every other change. */
  settledAfterMs: bigint('settled_after_ms', { mode: 'number' }),
})

/** What a partner is told by webhook: one row for each event that reached an end. */
export const deliveries = pgTable(
  'deliveries',
  {
    id: uuid().primaryKey(),
    eventId: uuid('event_id').notNull(),
    partnerId: uuid('partner_id').notNull(),
    type: text().$type<'event.completed' | 'event.refused' | 'event.dead'>().notNull(),
    /** Null once the partner is erased. */
    body: jsonb().$type<Readonly<Record<string, unknown>>>(),
    status: text().$type<'pending' | 'delivered' | 'failed'>().notNull(),
    createdAt: at('created_at').notNull(),
    updatedAt: at('updated_at').notNull(),
  },
  table => [index('deliveries_event').on(table.eventId, table.id)],
)

/** The log: every attempt of a delivery, written before it is made. */
export const deliveryAttempts = pgTable(
  'delivery_attempts',
  {
    deliveryId: uuid('delivery_id').notNull(),
    /** 1 for the first. */
    number: integer().notNull(),
    /** Null once the partner is erased. */
    url: text(),
    startedAt: at('started_at').notNull(),
    endedAt: at('ended_at'),
    delivered: boolean(),
    httpStatus: integer('http_status'),
    error: text(),
  },
  table => [primaryKey({ columns: [table.deliveryId, table.number] })],
)

/**
 * Requests of the present minute and second, as `rate-limiter-flexible` counts them: the order of the columns is its.
 * The migration makes it UNLOGGED, so that counting waits for no disk: after a crash everybody begins anew.
 */
export const rateLimits = pgTable('rate_limits', {
  key: text().primaryKey(),
  points: integer().notNull(),
  /** Milliseconds since 1970. */
  expire: bigint({ mode: 'number' }),
})
