import { fileURLToPath } from 'node:url'
import { readMigrationFiles } from 'drizzle-orm/migrator'
import { drizzle } from 'drizzle-orm/node-postgres'
import { migrate as applyMigrations } from 'drizzle-orm/node-postgres/migrator'
import type { Query } from '../service.ts'
import { connectionOptions, DatabaseClient, type DatabaseSettings } from './connection.ts'

const chassisMigrations = { folder: new URL('../../migrations/', import.meta.url), table: '__chassis_migrations' }

// Any constant will do; it only has to be the same in every process that migrates.
const lockKey = 7_262_919_024

/**
 * Brings the database up to date: the chassis' own tables first, then the service's. Replicas that start together take
 * turns by a PostgreSQL advisory lock, which drizzle's migrator alone does not do.
 */
export async function migrate(settings: DatabaseSettings, migrations: URL): Promise<void> {
  const client = new DatabaseClient({
    ...connectionOptions(settings),
    application_name: 'migrate',
    connectionTimeoutMillis: 5_000,
  })
  client.on('error', () => {})
  await client.connect()
  try {
    await client.query('select pg_advisory_lock($1)', [lockKey])
    for (const { folder, table } of foldersOf(migrations)) {
      await applyMigrations(drizzle({ client }), { migrationsFolder: fileURLToPath(folder), migrationsTable: table })
    }
  } finally {
    await client.end()
  }
}

/** How many migrations of this version of the code the database still lacks. */
export async function pendingMigrations(query: Query, migrations: URL): Promise<number> {
  let pending = 0
  for (const { folder, table } of foldersOf(migrations)) {
    const known = readMigrationFiles({ migrationsFolder: fileURLToPath(folder) }).map(file => file.folderMillis)
    const newest = await newestApplied(query, table)
    pending += known.filter(made => made > newest).length
  }
  return pending
}

/** When the migration that was applied last was made, in ms; 0 when none was. */
async function newestApplied(query: Query, table: string): Promise<number> {
  const found = await query<{ exists: boolean }>({
    text: `select to_regclass('drizzle.${table}') is not null as exists`,
  })
  if (!found.rows[0]?.exists) return 0
  const { rows } = await query<{ at: string | null }>({ text: `select max(created_at) as at from drizzle.${table}` })
  return Number(rows[0]?.at ?? 0)
}

function foldersOf(migrations: URL) {
  return [chassisMigrations, { folder: migrations, table: '__drizzle_migrations' }]
}
