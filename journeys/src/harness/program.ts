import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'

/** The folder of the repository. */
export const root = join(import.meta.dirname, '../../..')

export type Environment = Readonly<Record<string, string>>

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/**
 * Where programs are looked for. Nothing of a developer's shell reaches a program, so that no variable set there decides
 * a test.
 */
export const path = [dirname(process.execPath), '/usr/local/bin', '/usr/bin', '/bin', '/usr/sbin', '/sbin'].join(':')

// Services are started dozens of times here; with it a start takes half the processor's time.
const compileCache = join(tmpdir(), 'feira-journeys-compile-cache')

// So that a test run which is broken off leaves nobody behind.
const endWithParent = pathToFileURL(join(root, 'local/src/end-with-parent.ts')).href

/** A Node program in a process of its own, or rather a process group, as a terminal would make it. */
export class Program {
  readonly exited: Promise<Exit>
  readonly #child: ChildProcess
  #output = ''

  /** @param args the script, relative to the repository's folder, and its arguments. */
  constructor(args: readonly string[], env: Environment) {
    this.#child = spawn(process.execPath, ['--import', endWithParent, ...args], {
      cwd: root,
      env: { PATH: path, NO_COLOR: '1', NODE_COMPILE_CACHE: compileCache, ...env },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    this.#child.stdout?.on('data', (chunk: Buffer) => (this.#output += chunk.toString()))
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.#output += chunk.toString()))
    this.exited = once(this.#child, 'close').then(([code, signal]) => ({ code, signal }))
  }

  get pid(): number {
    return this.#child.pid as number
  }

  /** All that it has written so far. */
  get output(): string {
    return this.#output
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Signals this one process. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** What Ctrl-C does: interrupts every process of the group. */
  pressCtrlC(): void {
    process.kill(-this.pid, 'SIGINT')
  }

  /** Signals the process and waits for its end. */
  async end(signal: NodeJS.Signals): Promise<Exit> {
    this.signal(signal)
    return this.exited
  }

  /** Ends the process and all that it started in its group. */
  async killAll(): Promise<void> {
    try {
      process.kill(-this.pid, 'SIGKILL')
    } catch {
      // Nobody is left in the group.
    }
    await this.exited
  }
}

/** Runs a program to its end. */
export async function run(args: readonly string[], env: Environment): Promise<Exit & { readonly output: string }> {
  const program = new Program(args, env)
  const exit = await program.exited
  return { ...exit, output: program.output }
}
