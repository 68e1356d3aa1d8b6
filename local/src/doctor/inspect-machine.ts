import { access, constants, readFile, stat, statfs } from 'node:fs/promises'
import path from 'node:path'
import type { LocalConfig } from '../config.ts'
import { root } from '../infra.ts'
import { findTakenPorts } from '../ports.ts'
import { findBinaries } from '../postgres/binaries.ts'
import type { DataDirectory, MachineFacts } from './facts.ts'

/**
 * Looks at what `npm start` needs of this machine.
 * @param running whether it runs, and so has its ports.
 */
export async function inspectMachine(config: LocalConfig, running: boolean): Promise<MachineFacts> {
  const [dataDirectory, takenPorts] = await Promise.all([
    inspectDataDirectory(path.resolve(root, config.DATA_DIR)),
    running ? [] : findTakenPorts(config, false),
  ])
  return { nodeVersion: process.versions.node, dataDirectory, takenPorts }
}

async function inspectDataDirectory(directory: string): Promise<DataDirectory> {
  const version = path.join(directory, 'postgres', 'cluster', 'data', 'PG_VERSION')
  const [state, free, writtenBy] = await Promise.all([
    stateOf(directory),
    freeAt(directory),
    readFile(version, 'utf8').then(
      text => text.trim(),
      () => undefined,
    ),
  ])
  return { path: directory, state, free, writtenBy, embedded: embeddedVersion() }
}

async function stateOf(directory: string): Promise<DataDirectory['state']> {
  const found = await stat(directory).catch(() => undefined)
  if (!found) return 'absent'
  if (!found.isDirectory()) return 'not-a-directory'
  return access(directory, constants.R_OK | constants.W_OK | constants.X_OK).then(
    () => 'usable',
    () => 'not-writable',
  )
}

/** Of the file system that it is on or, where it does not exist, would be on. */
async function freeAt(directory: string): Promise<number> {
  const found = await statfs(directory).catch(() => undefined)
  if (found) return found.bavail * found.bsize
  const parent = path.dirname(directory)
  return parent === directory ? 0 : freeAt(parent)
}

function embeddedVersion(): string | undefined {
  try {
    return findBinaries().major
  } catch {
    return undefined
  }
}
