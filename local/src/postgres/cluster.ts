import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import { rm } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { handOver, type Placement } from './account.ts'
import { program } from './binaries.ts'
import { stopLeftover } from './postmaster.ts'
import { supervise } from './supervisor.ts'

/** A database cluster on disk. */
export interface Cluster {
  readonly data: string
  /** Of the superuser `postgres`. */
  readonly password: string
}

/**
 * Opens the cluster of a placement, creating it the first time; no server is at work on it afterwards.
 * @throws when it was written by another major version of PostgreSQL, or cannot be created.
 */
export async function openCluster(placement: Placement): Promise<Cluster> {
  const folder = path.join(placement.directory, 'cluster')
  const data = path.join(folder, 'data')
  // Before the files change hands, which a server at work on them would not survive.
  await stopLeftover(data)
  await removeUnfinished(placement.directory)
  handOver(placement)
  if (!fs.existsSync(folder)) await createCluster(placement, folder)
  requireVersion(data, placement.binaries.major)
  return { data, password: fs.readFileSync(path.join(folder, 'password'), 'utf8') }
}

function requireVersion(data: string, major: string): void {
  const found = fs.readFileSync(path.join(data, 'PG_VERSION'), 'utf8').trim()
  if (found === major) return
  throw new Error(
    `The data in ${data} was written by PostgreSQL ${found}, and this is PostgreSQL ${major}, which cannot read it. ` +
      `Move that folder away to begin with an empty database, or set DATABASE_URL to a PostgreSQL ${found} server.`,
  )
}

// Only a complete cluster gets the final name: whatever interrupts initdb leaves a folder that nobody takes for one.
async function createCluster(placement: Placement, folder: string): Promise<void> {
  const unfinished = fs.mkdtempSync(path.join(placement.directory, 'unfinished-'))
  const password = path.join(unfinished, 'password')
  fs.writeFileSync(password, randomBytes(24).toString('hex'), { mode: 0o600 })
  fs.mkdirSync(path.join(unfinished, 'data'), { mode: 0o700 })
  handOver(placement)
  await initialise(placement, path.join(unfinished, 'data'), password)
  fs.renameSync(unfinished, folder)
}

// An initdb that lost its owner a moment ago is removing the same files. What stays after all is in nobody's way.
async function removeUnfinished(directory: string): Promise<void> {
  const find = () => fs.readdirSync(directory).filter(name => name.startsWith('unfinished-'))
  const deadline = Date.now() + 5_000
  for (let names = find(); names.length > 0 && Date.now() < deadline; names = find()) {
    const removals = names.map(name => rm(path.join(directory, name), { recursive: true, force: true }))
    await Promise.allSettled(removals)
    await sleep(20)
  }
}

async function initialise(placement: Placement, data: string, password: string): Promise<void> {
  const log = path.join(placement.directory, 'initdb.log')
  const output = fs.openSync(log, 'w', 0o600)
  const access = ['-U', 'postgres', '-A', 'scram-sha-256', `--pwfile=${password}`]
  const locale = ['-E', 'UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8']
  const command = [program(placement.binaries, 'initdb'), '-D', data, ...access, ...locale, '--no-instructions']
  try {
    const status = await supervise(command, { account: placement.account, output, windowsStop: [] }).exited
    if (status !== 0) throw new Error(`initdb failed:\n${fs.readFileSync(log, 'utf8').slice(-2_000)}`)
  } finally {
    fs.closeSync(output)
  }
}
