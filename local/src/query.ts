// Runs one SQL statement on the database of DATABASE_URL and prints its rows: `npm run db:query -w app-orders -- "select …"`.
import { environment } from '@feira/chassis'
import pg from 'pg'
import { onOneLine } from './screen.ts'

const [statement, ...others] = process.argv.slice(2)
const { DATABASE_URL: url } = environment()

if (statement === undefined || others.length > 0) fail('Give one SQL statement, in quotes: -- "select …"')
else if (!url)
  fail('DATABASE_URL is missing. `npm start` and `npm run infra` offer it; else set it, or write it into .env.')
else await run(url, statement)

async function run(connectionString: string, text: string): Promise<void> {
  const client = new pg.Client({ connectionString, application_name: 'query', connectionTimeoutMillis: 5_000 })
  try {
    await client.connect()
    // The extended protocol takes one statement: a second one behind a semicolon is an error, not a surprise.
    print(await client.query({ text, queryMode: 'extended' } as pg.QueryConfig))
  } catch (error) {
    fail(describe(error as pg.DatabaseError & AggregateError))
  } finally {
    await client.end().catch(() => {})
  }
}

function print({ command, rowCount, fields, rows }: pg.QueryResult<Record<string, unknown>>): void {
  if (rows.length > 0) console.table(rows.map(row => Object.fromEntries(Object.entries(row).map(toCell))))
  console.log(
    fields.length > 0
      ? `${rows.length} ${rows.length === 1 ? 'row' : 'rows'}`
      : [command, rowCount].filter(part => part !== null).join(' '),
  )
}

function toCell([name, value]: readonly [string, unknown]): [string, unknown] {
  if (value instanceof Date) return [name, value.toISOString()]
  if (typeof value === 'object' && value !== null) return [name, onOneLine(JSON.stringify(value))]
  return [name, typeof value === 'string' ? onOneLine(value) : value]
}

function describe({ message, code, hint, errors }: pg.DatabaseError & AggregateError): string {
  // Of a name with several addresses each has failed, and the error that sums them up says nothing.
  const what = message || ((errors ?? []) as Error[]).map(each => each.message).join('; ')
  const away = code === 'ECONNREFUSED' ? '\nDoes its server run? `npm start` and `npm run infra` start one.' : ''
  return `${what}${hint === undefined ? '' : `\n${hint}`}${away}`
}

function fail(message: string): void {
  console.error(message)
  process.exitCode = 1
}
