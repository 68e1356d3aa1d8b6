import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { root } from '../infra.ts'
import { makeDocuments } from './index.ts'

/** `npm run docs` writes what is made from the code; `npm run docs:check` fails when a file is not as it would be. */
async function main(check: boolean): Promise<void> {
  const stale: string[] = []
  for (const [file, text] of await makeDocuments()) {
    const wanted = formatted(file, text)
    if (wanted === written(file)) continue
    stale.push(file)
    if (check) continue
    mkdirSync(path.join(root, path.dirname(file)), { recursive: true })
    writeFileSync(path.join(root, file), wanted)
  }
  for (const file of stale) console.log(`${check ? 'out of date' : 'wrote'} ${file}`)
  if (!check || stale.length === 0) return
  console.error('Run npm run docs, and commit what it writes.')
  process.exitCode = 1
}

function written(file: string): string | undefined {
  try {
    return readFileSync(path.join(root, file), 'utf8')
  } catch {
    return undefined
  }
}

function formatted(file: string, input: string): string {
  const prettier = path.join(root, 'node_modules/prettier/bin/prettier.cjs')
  const { status, stdout, stderr } = spawnSync(process.execPath, [prettier, '--stdin-filepath', file], {
    cwd: root,
    input,
    encoding: 'utf8',
    maxBuffer: 16_777_216,
  })
  if (status !== 0) throw new Error(`${file} cannot be formatted: ${stderr}`)
  return stdout
}

await main(process.argv.includes('--check'))
