import path from 'node:path'
import { makeDirectory, place } from './account.ts'
import { findBinaries } from './binaries.ts'
import { openCluster } from './cluster.ts'
import { lockDirectory } from './lock.ts'
import { startServer } from './server.ts'

export interface PostgresOptions {
  /** Created when missing. It holds the cluster, the superuser's password and the log. */
  readonly dataDirectory: string
  /** 0 takes any free port. */
  readonly port: number
  /** Default 127.0.0.1. */
  readonly host?: string
}

export interface EmbeddedPostgres {
  /** The superuser's address of the database `postgres`, password included. */
  readonly url: string
  readonly port: number
  /** Closes every connection, writes everything to disk and ends the server. */
  stop(): Promise<void>
}

/**
 * Starts the PostgreSQL server that npm installed, on its own data directory. It stops with this process, even when that
 * is killed, and the next start goes on with the same data.
 * @throws with `code: 'EADDRINUSE'` and `port` when the port is taken; when another live process uses the data directory.
 */
export async function startPostgres(options: PostgresOptions): Promise<EmbeddedPostgres> {
  const { host = '127.0.0.1' } = options
  const dataDirectory = makeDirectory(path.resolve(options.dataDirectory))
  const unlock = await lockDirectory(dataDirectory)
  try {
    const placement = place(findBinaries(), dataDirectory)
    const { data, password } = await openCluster(placement)
    const log = path.join(dataDirectory, 'postgres.log')
    const { port, process } = await startServer({ placement, data, host, port: options.port, log })
    const url = `postgres://postgres:${password}@${host}:${port}/postgres`
    return { url, port, stop: () => process.stop().finally(unlock) }
  } catch (error) {
    unlock()
    throw error
  }
}
