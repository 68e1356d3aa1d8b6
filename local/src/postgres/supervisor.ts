import { type ChildProcess, spawn } from 'node:child_process'
import type { Account } from './account.ts'

/** A program that ends when this process ends, however it ends. */
export interface Supervised {
  /** The exit status. */
  readonly exited: Promise<number>
  /** Asks the program to end and waits until it has. */
  stop(): Promise<void>
}

export interface SuperviseOptions {
  readonly account: Account
  /** File descriptor for what the program writes. */
  readonly output: number
  /** How the program is ended on Windows, where nobody can send it a signal. */
  readonly windowsStop: readonly string[]
}

/**
 * Runs `command` below a shell that holds the other end of a pipe from this process. When the pipe closes (we asked, or
 * we died, be it by SIGKILL) the shell interrupts the program, which for PostgreSQL is a fast shutdown.
 */
export function supervise(command: readonly string[], options: SuperviseOptions): Supervised {
  return process.platform === 'win32' ? superviseOnWindows(command, options) : superviseByShell(command, options)
}

// `wait` keeps the program's id from being given to another process, so no stranger is ever signalled. A background
// job's standard input is /dev/null, hence the detour over descriptor 3.
const shell = `
exec 3<&0
"$@" 3<&- &
server=$!
(
  while read -r _ <&3; do :; done
  kill -INT $server
  seconds=0
  while [ $seconds -lt 15 ]; do sleep 1; seconds=$((seconds + 1)); done
  kill -QUIT $server
) 2>&- &
watchdog=$!
wait $server
status=$?
kill $watchdog 2>&-
exit $status`

function superviseByShell(command: readonly string[], { account, output }: SuperviseOptions): Supervised {
  const [file, ...args] = [...account.prefix, 'sh', '-c', shell, 'feira-postgres', ...command] as [string, ...string[]]
  // Detached: Ctrl-C reaches every process of the terminal's foreground group, and services still need their database then.
  const child = spawn(file, args, { ...account.runAs, cwd: '/', detached: true, stdio: ['pipe', output, output] })
  return supervised(child, child)
}

const windowsWatchdog = `process.stdin.resume().once('end', () =>
  require('node:child_process').spawnSync(process.argv[1], process.argv.slice(2), { windowsHide: true }))`

function superviseOnWindows(command: readonly string[], { output, windowsStop }: SuperviseOptions): Supervised {
  const [file, ...args] = command as [string, ...string[]]
  const options = { detached: true, windowsHide: true } as const
  const child = spawn(file, args, { ...options, stdio: ['ignore', output, output] })
  const watchdog = spawn(process.execPath, ['-e', windowsWatchdog, ...windowsStop], {
    ...options,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  return supervised(child, watchdog)
}

function supervised(child: ChildProcess, watchdog: ChildProcess): Supervised {
  const exited = new Promise<number>((resolve, reject) => {
    child.once('exit', status => resolve(status ?? -1))
    child.once('error', reject)
  })
  // Whoever awaits it sees the failure; until then it must not count as unhandled.
  exited.catch(() => undefined)
  watchdog.stdin?.on('error', () => undefined)
  const stop = async () => {
    watchdog.stdin?.destroy()
    await exited
  }
  return { exited, stop }
}
