import {
  connectionOptions,
  databaseConfig,
  DatabaseClient,
  environment,
  readConfig,
  type Environment,
} from '@feira/chassis'
import type pg from 'pg'
import { onOneLine } from './screen.ts'

/** No value becomes something of JavaScript's. */
const asPostgresWritesIt = { getTypeParser: () => (text: string) => text }

const missing =
  'DATABASE_URL is missing. `npm start` and `npm run infra` offer it while they run; else set it, or write it into .env.'

/**
 * Runs one SQL statement on a database and prints its rows as PostgreSQL writes them, or what it did.
 * @returns the exit code.
 */
export async function runQuery(args: readonly string[], env: Environment): Promise<0 | 1> {
  const [statement, ...others] = args
  try {
    if (statement === undefined || others.length > 0)
      throw new Error('Give one SQL statement, in quotes: -- "select …"')
    if (!env['DATABASE_URL']) throw new Error(missing)
    print(await query(env, statement))
    return 0
  } catch (error) {
    console.error(describe(error as pg.DatabaseError & AggregateError))
    return 1
  }
}

async function query(env: Environment, text: string) {
  const options = connectionOptions(readConfig('The query', databaseConfig, env))
  const client = new DatabaseClient({ ...options, application_name: 'query', connectionTimeoutMillis: 5_000 })
  try {
    await client.connect()
    // The extended protocol takes one statement: a second one behind a semicolon is an error, not a surprise.
    const config = { text, queryMode: 'extended', rowMode: 'array', types: asPostgresWritesIt } as const
    return await client.query<(string | null)[]>(config as pg.QueryArrayConfig)
  } finally {
    await client.end().catch(() => {})
  }
}

function print({ command, rowCount, fields, rows }: pg.QueryArrayResult<(string | null)[]>): void {
  if (fields.length === 0) return console.log([command, rowCount].filter(part => part !== null).join(' '))
  const cells = rows.map(row => row.map(value => onOneLine(value ?? 'null')))
  console.log(
    tableOf(
      fields.map(({ name }) => name),
      cells,
    ),
  )
  console.log(`\n${rows.length} ${rows.length === 1 ? 'row' : 'rows'}`)
}

function tableOf(columns: readonly string[], rows: readonly string[][]): string {
  const widths = columns.map((column, index) =>
    rows.reduce((width, row) => Math.max(width, row[index]?.length ?? 0), column.length),
  )
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd()
  return [line(columns), line(widths.map(width => '─'.repeat(width))), ...rows.map(line)].join('\n')
}

function describe({ message, code, hint, errors }: pg.DatabaseError & AggregateError): string {
  // Of a name with several addresses each has failed, and the error that sums them up says nothing.
  const what = message || ((errors ?? []) as Error[]).map(each => each.message).join('; ')
  const away = code === 'ECONNREFUSED' ? '\nDoes its server run?' : ''
  return `${what}${hint === undefined ? '' : `\n${hint}`}${away}`
}

if (process.argv[1] === import.meta.filename) {
  process.exitCode = await runQuery(process.argv.slice(2), environment())
}
