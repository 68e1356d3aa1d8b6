import { spawnSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { duration } from '@feira/chassis'
import type { LocalConfig } from '../config.ts'
import { paint } from '../screen.ts'
import { CannotBreak } from './fault.ts'
import { faults } from './index.ts'
import { brokenNow, forget, remember, type Broken } from './notes.ts'
import { findSystem, type RunningSystem } from './running-system.ts'

export interface BreakOptions {
  readonly config: LocalConfig
  /** Undefined lists what there is. */
  readonly name: string | undefined
  /** How long it lasts at most, such as `10m`. */
  readonly lasting: string
  readonly anywhere: boolean
}

/**
 * Breaks one thing of the running system until Ctrl-C, `mend` or the end of its time, and then makes it whole again.
 * @throws CannotBreak, SignInFailed
 */
export async function breakSomething({ config, name, lasting, anywhere }: BreakOptions): Promise<void> {
  if (name === undefined) return listFaults()
  const fault = faults[name]
  if (!fault) throw new CannotBreak(`There is no fault ${name}. \`npm run break\` lists them.`)
  if (brokenNow(config).some(broken => broken.fault === name))
    throw new CannotBreak(`${name} is there already: \`npm run mend\`.`)
  const { data: milliseconds, error } = duration().safeParse(lasting)
  if (milliseconds === undefined) throw new CannotBreak(`--lasting ${error?.issues[0]?.message}.`)
  const system = await findSystem(config, anywhere)
  const broken = { fault: name, pid: process.pid, note: await fault.prepare(system) }
  remember(config, broken)
  console.log(`${paint('red', 'Broken')}: ${fault.summary}.`)
  console.log(`It should raise ${fault.alerts.join(' and ')}. Ctrl-C or \`npm run mend\` ends it, or ${lasting}.`)
  try {
    await fault.cause(system, broken.note, endOf(milliseconds))
  } finally {
    await makeWhole(config, system, broken)
  }
}

/**
 * Mends one thing, or everything that was broken and not mended.
 * @throws CannotBreak, SignInFailed
 */
export async function mend(config: LocalConfig, name: string | undefined): Promise<void> {
  const all = brokenNow(config).filter(({ fault }) => name === undefined || fault === name)
  if (all.length === 0) return console.log('Nothing is broken.')
  for (const broken of all) {
    if (await endsByItself(config, broken)) console.log(`${paint('green', 'Mended')}: ${broken.fault}.`)
    // Whatever was broken, it was allowed to be.
    else await makeWhole(config, await findSystem(config, true), broken)
  }
}

function listFaults(): void {
  console.log('npm run break -- <fault> causes what an alert watches, on the running system, for 15 minutes at most.\n')
  for (const [name, { summary, alerts }] of Object.entries(faults)) {
    console.log(`  ${name.padEnd(24)} ${summary}\n  ${' '.repeat(24)} ${paint('dim', alerts.join(', '))}`)
  }
}

// Unlike that of AbortSignal.timeout, this timer keeps the process alive.
function endOf(milliseconds: number): AbortSignal {
  const ending = new AbortController()
  const end = () => {
    clearTimeout(timer)
    ending.abort()
  }
  const timer = setTimeout(end, milliseconds)
  process.on('SIGINT', end).on('SIGTERM', end)
  return ending.signal
}

/** @throws CannotBreak when the system does not let itself be mended; what is broken stays noted then. */
async function makeWhole(config: LocalConfig, system: RunningSystem, { fault: name, note }: Broken): Promise<void> {
  try {
    await faults[name]?.mend(system, note)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new CannotBreak(`${name} is not mended: ${reason}. \`npm run mend\` tries again, once the system runs.`)
  }
  forget(config, name)
  console.log(`${paint('green', 'Mended')}: ${name}.`)
}

/** Asks the process that keeps something broken to end it. @returns whether it did, within 15 s. */
async function endsByItself(config: LocalConfig, { fault, pid }: Broken): Promise<boolean> {
  if (!isBreaking(pid)) return false
  process.kill(pid, 'SIGTERM')
  for (let waited = 0; waited < 15_000; waited += 100) {
    if (!brokenNow(config).some(broken => broken.fault === fault)) return true
    await sleep(100)
  }
  return false
}

// Its number may belong to another program by now, which must not be ended.
function isBreaking(pid: number): boolean {
  return (
    spawnSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).stdout?.includes(' break ') ?? false
  )
}
