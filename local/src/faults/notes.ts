import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { LocalConfig } from '../config.ts'
import { root } from '../infra.ts'

/** What is broken at the moment, on disk: it must be mended even if the process that broke it was killed. */
export interface Broken {
  readonly fault: string
  /** The process that keeps it broken. */
  readonly pid: number
  readonly note: Readonly<Record<string, string | number>>
}

const folderOf = (config: LocalConfig) => path.resolve(root, config.DATA_DIR, 'faults')
const fileOf = (config: LocalConfig, fault: string) => path.join(folderOf(config), `${fault}.json`)

export function brokenNow(config: LocalConfig): Broken[] {
  mkdirSync(folderOf(config), { recursive: true })
  return readdirSync(folderOf(config)).map(
    name => JSON.parse(readFileSync(path.join(folderOf(config), name), 'utf8')) as Broken,
  )
}

/** @throws when the same is broken already. */
export function remember(config: LocalConfig, broken: Broken): void {
  mkdirSync(folderOf(config), { recursive: true })
  writeFileSync(fileOf(config, broken.fault), JSON.stringify(broken), { flag: 'wx' })
}

export function forget(config: LocalConfig, fault: string): void {
  rmSync(fileOf(config, fault), { force: true })
}
