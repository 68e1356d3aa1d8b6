import { mkdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { root, type Infra } from './infra.ts'
import { services } from './services.ts'

/**
 * Writes `.feira/env/<service>.env` for as long as the servers run, so that `npm run dev -w app-<service>` finds them.
 * @returns a function that removes the files.
 */
export async function offerEnvironment(infra: Infra): Promise<() => Promise<void>> {
  const folder = path.join(root, '.feira', 'env')
  await mkdir(folder, { recursive: true })
  for (const { name } of services) {
    const lines = Object.entries(infra.environmentOf(name)).map(([variable, value]) => `${variable}='${value}'\n`)
    await writeFile(path.join(folder, `${name}.env`), lines.join(''), { mode: 0o600 })
  }
  return () => rm(folder, { recursive: true, force: true })
}
