import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'

/** Thrown when a living process already uses a directory. */
export class DirectoryLockedError extends Error {
  constructor(directory: string, pid: number) {
    super(`The broker's data in ${directory} is in use by process ${pid}. Stop that one first.`)
    this.name = 'DirectoryLockedError'
  }
}

interface Holder {
  readonly pid: number
  /** Tells a process from a later one with the same id; empty where the system does not say. */
  readonly startedAt: string
}

const heldHere = new Set<string>()

/**
 * Claims `directory` for this process with a lock file; the lock of a process that died is taken over.
 * @returns what gives it back.
 * @throws DirectoryLockedError
 */
export function lockDirectory(directory: string): () => void {
  const path = resolve(directory, 'broker.lock')
  if (!create(path)) {
    const holder = readHolder(path)
    if (holder && isAlive(holder, path)) throw new DirectoryLockedError(directory, holder.pid)
    rmSync(path, { force: true })
    if (!create(path)) throw new DirectoryLockedError(directory, readHolder(path)?.pid ?? 0)
  }
  heldHere.add(path)
  return () => {
    heldHere.delete(path)
    rmSync(path, { force: true })
  }
}

function create(path: string): boolean {
  const holder: Holder = { pid: process.pid, startedAt: startOf(process.pid) }
  try {
    writeFileSync(path, JSON.stringify(holder), { flag: 'wx' })
    return true
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false
    throw error
  }
}

// A process killed between creating and writing the file leaves an empty one.
function readHolder(path: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Holder
  } catch {
    return undefined
  }
}

function isAlive({ pid, startedAt }: Holder, path: string): boolean {
  if (pid === process.pid) return heldHere.has(path)
  try {
    process.kill(pid, 0)
  } catch (error) {
    return hasCode(error, 'EPERM')
  }
  return startedAt === '' || startOf(pid) === startedAt
}

// Ids come back soon in containers. Of proc_pid_stat(5), fields 3 (state; Z is dead but not buried) and 22, counted from
// behind the command's closing parenthesis.
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? '' : (fields[19] ?? '')
  } catch {
    return ''
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
