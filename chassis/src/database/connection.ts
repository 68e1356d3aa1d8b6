import type { ConnectionOptions } from 'node:tls'
import pg from 'pg'
import { explainRefusal } from '../certificates.ts'
import { ConfigError, databaseConfig, readConfig, type ConfigOf, type Environment } from '../config.ts'

/** Where a database is and whom to trust there. */
export type DatabaseSettings = Pick<ConfigOf<typeof databaseConfig>, 'DATABASE_URL'> &
  Partial<ConfigOf<typeof databaseConfig>>

/**
 * What every client of PostgreSQL is given, whether it is one connection or a pool. `sslmode` means what it means to libpq:
 *
 * - `disable`, or none: no encryption
 * - `require`: encrypted; with DATABASE_CA like `verify-ca`, else whoever answers is believed
 * - `verify-ca`: the certificate must be signed by DATABASE_CA
 * - `verify-full`: it must also be for the host of DATABASE_URL; without DATABASE_CA, what Node.js trusts is trusted
 *
 * @throws ConfigError when the two contradict each other
 */
export function connectionOptions({ DATABASE_URL, DATABASE_CA }: DatabaseSettings) {
  const url = new URL(DATABASE_URL)
  const mode = url.searchParams.get('sslmode') ?? undefined
  // pg reads it otherwise, and differently in its next major version.
  url.searchParams.delete('sslmode')
  return { connectionString: url.href, ssl: encryption(mode, DATABASE_CA), Client: DatabaseClient }
}

function encryption(mode: string | undefined, ca: string | undefined): ConnectionOptions | false {
  if (mode === undefined && ca !== undefined) throw contradiction('is set, but DATABASE_URL has no sslmode; add ?sslmode=verify-full') // prettier-ignore
  if (mode === 'verify-ca' && ca === undefined) throw contradiction('is missing; sslmode=verify-ca needs it')
  switch (mode) {
    case undefined:
    case 'disable':
      return false
    case 'require':
    case 'verify-ca':
      return ca === undefined ? { rejectUnauthorized: false } : { ca, checkServerIdentity: () => undefined }
    default:
      return ca === undefined ? {} : { ca }
  }
}

function contradiction(problem: string): ConfigError {
  return new ConfigError('The connection to PostgreSQL', new Map([['DATABASE_CA', problem]]))
}

const acceptedHere =
  'it must be signed by one of DATABASE_CA (without it, of whom Node.js trusts), for the host of DATABASE_URL'

/** A client that says which settings are wrong when it does not accept the server's certificate. */
export class DatabaseClient extends pg.Client {
  override connect(): Promise<pg.Client>
  override connect(callback: (error: Error) => void): void
  override connect(callback?: (error: Error) => void): Promise<pg.Client> | void {
    if (callback) return super.connect((error: Error) => callback(this.#explain(error)))
    return super.connect().catch((error: Error) => {
      throw this.#explain(error)
    })
  }

  #explain(error: Error): Error {
    return explainRefusal(error, `PostgreSQL at ${this.host}:${this.port}`, acceptedHere)
  }
}

/** How drizzle-kit connects. Without DATABASE_URL it gets nothing: most of its commands need no database. */
export function drizzleCredentials(env: Environment) {
  if (!env['DATABASE_URL']) return { url: '' }
  const options = connectionOptions(readConfig('drizzle-kit', databaseConfig, env))
  const { host, port, user, password, database = '' } = new DatabaseClient(options)
  return { host, port, ...(user && { user }), ...(password && { password }), database, ssl: options.ssl }
}
