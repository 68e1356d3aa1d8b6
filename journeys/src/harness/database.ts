import pg from 'pg'

/** A database made for one test. */
export interface TestDatabase {
  readonly url: string
  /** A row per result. */
  rows<Row extends pg.QueryResultRow>(text: string, values?: readonly unknown[]): Promise<Row[]>
  /** Runs a statement in a transaction that stays open, with the locks it took, until it is released. */
  hold(statement: string): Promise<Hold>
  /** Has PostgreSQL end the connections of services. @returns how many there were. */
  terminateBackends(): Promise<number>
  drop(): Promise<void>
}

export interface Hold {
  /** Whether somebody waits for what is held. */
  isAwaited(): Promise<boolean>
  release(): Promise<void>
}

/** @param adminUrl a login that may make databases. */
export async function createDatabase(adminUrl: string, name: string): Promise<TestDatabase> {
  await asAdmin(adminUrl, `create database ${pg.escapeIdentifier(name)} template template0 encoding 'UTF8'`)
  const url = new URL(adminUrl)
  url.pathname = `/${name}`
  const pool = new pg.Pool({ connectionString: url.href, max: 2, allowExitOnIdle: true })
  pool.on('error', () => {})
  return {
    url: url.href,
    rows: async <Row extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []) =>
      (await pool.query<Row>(text, [...values])).rows,
    async hold(statement) {
      const client = await pool.connect()
      await client.query(`begin; ${statement}`)
      return {
        async isAwaited() {
          const { rowCount } = await client.query(`select from pg_stat_activity
            where pg_backend_pid() = any(pg_blocking_pids(pid)) and datname = current_database()`)
          return (rowCount ?? 0) > 0
        },
        async release() {
          await client.query('rollback')
          client.release()
        },
      }
    },
    async terminateBackends() {
      // Services name their connections, tests do not.
      const { rowCount } = await pool.query(`select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid() and application_name <> ''`)
      return rowCount ?? 0
    },
    async drop() {
      await pool.end()
      await asAdmin(adminUrl, `drop database if exists ${pg.escapeIdentifier(name)} with (force)`)
    },
  }
}

async function asAdmin(adminUrl: string, statement: string): Promise<void> {
  const admin = new pg.Client({ connectionString: adminUrl, connectionTimeoutMillis: 10_000 })
  await admin.connect()
  try {
    await admin.query(statement)
  } finally {
    await admin.end()
  }
}
