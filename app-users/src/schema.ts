import { sql } from 'drizzle-orm'
import {
  bigint,
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
import type { PublicKey } from './domain/signing-key.ts'
import type { Locale, Role, UserStatus } from './domain/user.ts'

const at = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' })

export const users = pgTable(
  'users',
  {
    id: uuid().primaryKey(),
    name: text().notNull(),
    /** As its owner writes it; the unique index ignores case. */
    email: text().notNull(),
    /** A name to sign in with beside the e-mail address; only development accounts have one. */
    loginName: text('login_name').unique(),
    role: text().$type<Role>().notNull(),
    status: text().$type<UserStatus>().notNull(),
    locale: text().$type<Locale>().notNull(),
    /** Argon2id in PHC format; null for whoever cannot sign in with a password. */
    passwordHash: text('password_hash'),
    version: integer().notNull(),
    createdAt: at('created_at').notNull(),
    updatedAt: at('updated_at').notNull(),
  },
  table => [
    uniqueIndex('users_email').on(sql`lower(${table.email})`),
    // Not by id: those of another issuer's users, and of development accounts, tell no time.
    index('users_created_at').on(table.createdAt, table.id),
    index('users_role').on(table.role, table.createdAt, table.id),
    index('users_status').on(table.status, table.createdAt, table.id),
    index('users_name_search').using('gin', sql`${table.name} gin_trgm_ops`),
    index('users_email_search').using('gin', sql`${table.email} gin_trgm_ops`),
  ],
)

/** Who was deleted: nothing that arrives late, and no start, brings them back. */
export const userTombstones = pgTable('user_tombstones', {
  id: uuid().primaryKey(),
  /** Of the deletion. */
  version: integer().notNull(),
  /** Until the erasure has searched for it. */
  email: text(),
  deletedAt: at('deleted_at').notNull(),
})

/** One row per sign-in: a family of refresh tokens of which only the newest counts. */
export const sessions = pgTable(
  'sessions',
  {
    id: uuid().primaryKey(),
    userId: uuid('user_id')
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    /** Where the sign-in came from; see `addressKey`. */
    address: text().notNull(),
    createdAt: at('created_at').notNull(),
    /** Of its newest refresh token. */
    expiresAt: at('expires_at').notNull(),
    revokedAt: at('revoked_at'),
  },
  table => [index('sessions_user').on(table.userId), index('sessions_expires_at').on(table.expiresAt)],
)

/** Spent ones are kept, because seeing one again means that somebody copied it. */
export const refreshTokens = pgTable(
  'refresh_tokens',
  {
    /** SHA-256 of the token, which itself is stored nowhere. */
    hash: text().primaryKey(),
    sessionId: uuid('session_id')
      .notNull()
      .references(() => sessions.id, { onDelete: 'cascade' }),
    expiresAt: at('expires_at').notNull(),
    spentAt: at('spent_at'),
  },
  table => [
    index('refresh_tokens_session').on(table.sessionId),
    index('refresh_tokens_expires_at').on(table.expiresAt),
  ],
)

/** Wrong passwords of an account from an address; of the account from anywhere, and of the address, where one is ''. */
export const loginFailures = pgTable(
  'login_failures',
  {
    /** A user's id, or the hash of a name that nobody has. */
    account: text().notNull(),
    address: text().notNull(),
    count: integer().notNull(),
    /** Of the first that is counted. */
    since: at('since').notNull(),
    last: at('last').notNull(),
  },
  table => [primaryKey({ columns: [table.account, table.address] }), index('login_failures_since').on(table.since)],
)

export const signingKeys = pgTable('signing_keys', {
  kid: text().primaryKey(),
  publicKey: jsonb('public_key').$type<PublicKey>().notNull(),
  /** Encrypted with AUTH_KEY_SECRET. */
  privateKey: text('private_key').notNull(),
  createdAt: at('created_at').notNull(),
  signsFrom: at('signs_from').notNull(),
})

/** What is known of each order: enough to count it anew when a newer version arrives. */
export const userOrders = pgTable(
  'user_orders',
  {
    orderId: uuid('order_id').primaryKey(),
    userId: uuid('user_id').notNull(),
    version: integer().notNull(),
    status: text().notNull(),
    totalCents: bigint('total_cents', { mode: 'number' }).notNull(),
  },
  table => [index('user_orders_user').on(table.userId)],
)

/** The sums of {@link userOrders} per user. */
export const orderCounters = pgTable('order_counters', {
  userId: uuid('user_id').primaryKey(),
  count: bigint({ mode: 'number' }).notNull(),
  completed: bigint({ mode: 'number' }).notNull(),
  spentCents: bigint('spent_cents', { mode: 'number' }).notNull(),
  /** Grows with every change of the sums. */
  revision: bigint({ mode: 'number' }).notNull(),
})
