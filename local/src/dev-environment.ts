import { mkdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { LocalConfig } from './config.ts'
import { root, type Infra } from './infra.ts'
import { services } from './services.ts'

/**
 * Writes `.feira/env/<service>.env` for as long as the servers run, so that the scripts of app-<service> find them;
 * servers with another data directory are found by the variables that the screen prints.
 * @returns a function that removes the files.
 */
export async function offerEnvironment(config: LocalConfig, infra: Infra): Promise<() => Promise<void>> {
  if (path.resolve(root, config.DATA_DIR) !== path.join(root, '.feira')) return async () => {}
  const folder = path.join(root, '.feira', 'env')
  await mkdir(folder, { recursive: true })
  for (const { name } of services) {
    const lines = Object.entries(infra.environmentOf(name)).map(([variable, value]) => `${variable}='${value}'\n`)
    await writeFile(path.join(folder, `${name}.env`), lines.join(''), { mode: 0o600 })
  }
  return () => rm(folder, { recursive: true, force: true })
}
