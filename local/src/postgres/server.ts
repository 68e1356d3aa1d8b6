import { closeSync, existsSync, openSync, readFileSync, renameSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Placement } from './account.ts'
import { program } from './binaries.ts'
import { findPort, portTaken } from './port.ts'
import { readPostmaster } from './postmaster.ts'
import { type Supervised, supervise } from './supervisor.ts'

export interface Server {
  readonly port: number
  readonly process: Supervised
}

export interface ServerOptions {
  readonly placement: Placement
  readonly data: string
  readonly host: string
  readonly port: number
  /** Written anew by every start; that of the start before is kept as `<log>.previous`. */
  readonly log: string
}

// For a laptop and a dozen services with a pool each. What is committed is on disk: fsync stays on.
const settings = {
  max_connections: '200',
  shared_buffers: '64MB',
  jit: 'off',
  // Three worker processes fewer; their gain shows on disks slower than a laptop's.
  io_method: 'sync',
}

/**
 * Starts the server and waits until it accepts connections.
 * @throws `EADDRINUSE` when the port is taken; otherwise with the end of its log.
 */
export async function startServer(options: ServerOptions): Promise<Server> {
  const deadline = Date.now() + 20_000
  for (;;) {
    const port = await findPort(options.host, options.port)
    const before = readPostmaster(options.data)?.identity
    const process = launch(options, port)
    if (await becomesReady(process, options.data, before)) return { port, process }
    const log = readFileSync(options.log, 'utf8')
    if (!isPassing(log, options) || Date.now() > deadline) throw failure(log, options)
    await sleep(200)
  }
}

function launch({ placement, data, host, log }: ServerOptions, port: number): Supervised {
  if (existsSync(log)) renameSync(log, `${log}.previous`)
  const output = openSync(log, 'w', 0o600)
  const parameters = Object.entries({ ...settings, listen_addresses: host }).flatMap(([name, value]) => [
    '-c',
    `${name}=${value}`,
  ])
  const command = [program(placement.binaries, 'postgres'), '-D', data, '-p', String(port), '-k', '', ...parameters]
  const windowsStop = [program(placement.binaries, 'pg_ctl'), 'stop', '-m', 'fast', '-D', data]
  try {
    return supervise(command, { account: placement.account, output, windowsStop })
  } finally {
    closeSync(output)
  }
}

// A server that was killed leaves a file that still says ready: `before` is not ours.
async function becomesReady(process: Supervised, data: string, before: string | undefined): Promise<boolean> {
  const ended = process.exited.then(
    () => true,
    () => true,
  )
  do {
    const found = readPostmaster(data)
    if (found?.ready && found.identity !== before) return true
  } while (!(await Promise.race([ended, sleep(20, false)])))
  return false
}

const bindFailure = /could not bind .*: Address already in use/

// Backends of a server that was killed may outlive it by a moment; and a port chosen freely may be lost to somebody else.
function isPassing(log: string, { port }: ServerOptions): boolean {
  return log.includes('pre-existing shared memory block') || (port === 0 && bindFailure.test(log))
}

function failure(log: string, { host, port }: ServerOptions): Error {
  if (bindFailure.test(log)) return portTaken(host, port)
  return new Error(`PostgreSQL did not start:\n${log.slice(-2_000)}`)
}
