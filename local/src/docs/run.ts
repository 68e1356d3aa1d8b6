import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { parse } from 'yaml'
import { root } from '../infra.ts'
import { makeDocuments } from './index.ts'

/**
 * `npm run docs` writes what is made from the code, and Prettier formats it; `npm run docs:check` fails when a file says
 * something else.
 */
async function main(check: boolean): Promise<void> {
  const documents = [...(await makeDocuments())]
  const stale = documents.filter(([file, text]) => !isDeepStrictEqual(contentOf(file, text), written(file)))
  for (const [file, text] of stale) {
    console.log(`${check ? 'out of date' : 'wrote'} ${file}`)
    if (check) continue
    mkdirSync(path.join(root, path.dirname(file)), { recursive: true })
    writeFileSync(path.join(root, file), text)
  }
  if (!check || stale.length === 0) return
  console.error('Run npm run docs, and commit what it writes.')
  process.exitCode = 1
}

function written(file: string): unknown {
  try {
    return contentOf(file, readFileSync(path.join(root, file), 'utf8'))
  } catch {
    return undefined
  }
}

/** What a file says, however it is formatted. */
function contentOf(file: string, text: string): unknown {
  if (file.endsWith('.json')) return JSON.parse(text)
  if (file.endsWith('.yaml')) return parse(text)
  return text.replaceAll(/-{3,}/g, '---').replaceAll(/ +/g, ' ').trim()
}

await main(process.argv.includes('--check'))
