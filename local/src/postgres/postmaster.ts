import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Postmaster {
  readonly pid: number
  /** Tells this start of the server from every other. */
  readonly identity: string
  /** Whether it accepts connections. */
  readonly ready: boolean
}

/**
 * Reads what a postmaster says about itself in `postmaster.pid`; the format is in PostgreSQL's
 * src/include/utils/pidfile.h.
 */
export function readPostmaster(data: string): Postmaster | undefined {
  const file = path.join(data, 'postmaster.pid')
  if (!fs.existsSync(file)) return undefined
  const lines = fs.readFileSync(file, 'utf8').split('\n')
  const pid = Number(lines[0])
  if (!Number.isInteger(pid) || pid <= 0) return undefined
  return { pid, identity: `${pid} ${lines[2]}`, ready: lines[7]?.trim() === 'ready' }
}

/**
 * Makes sure that no postmaster of an earlier process works on `data`: one that is still there is stopped, and a
 * `postmaster.pid` whose number now belongs to another program is removed, because PostgreSQL would take it for its own.
 * @throws when it has not stopped in half a minute.
 */
export async function stopLeftover(data: string): Promise<void> {
  const found = readPostmaster(data)
  if (!found) return
  if (!isPostmasterOf(found.pid, data)) {
    if (isAlive(found.pid)) fs.rmSync(path.join(data, 'postmaster.pid'), { force: true })
    return
  }
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    signalIfAlive(found.pid, signal)
    if (await ends(found.pid, 10_000)) return
  }
  throw new Error(`The PostgreSQL process ${found.pid}, left over in ${data}, does not stop.`)
}

/** Whether a process with this id exists. */
export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function signalIfAlive(pid: number, signal: NodeJS.Signals): void {
  if (isAlive(pid)) process.kill(pid, signal)
}

async function ends(pid: number, milliseconds: number): Promise<boolean> {
  const deadline = Date.now() + milliseconds
  while (isAlive(pid)) {
    if (Date.now() > deadline) return false
    await sleep(20)
  }
  return true
}

// Wrong either way is dear: a running server is not to be taken for a stranger, whose file is removed, nor the reverse.
function isPostmasterOf(pid: number, data: string): boolean {
  try {
    if (process.platform === 'win32') return execFileSync('tasklist', ['/FI', `PID eq ${pid}`]).includes('postgres')
    const [file = '', ...args] = commandOf(pid)
    return path.basename(file) === 'postgres' && (args.includes(data) || workingDirectoryOf(pid) === data)
  } catch {
    // It has just ended.
    return false
  }
}

// Arguments are readable for everybody; paths with spaces come apart on macOS, which has no /proc.
function commandOf(pid: number): string[] {
  if (fs.existsSync('/proc/self')) return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
  return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' })
    .trim()
    .split(' ')
}

// A server whose directory was renamed is still at work in it.
function workingDirectoryOf(pid: number): string | undefined {
  try {
    return fs.readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    return undefined
  }
}
