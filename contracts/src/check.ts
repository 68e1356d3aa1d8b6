import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { catalogue } from './catalogue.ts'
import { review, type Golden } from './golden.ts'
import type { JsonSchema } from './json-schema.ts'

const repository = fileURLToPath(new URL('../../', import.meta.url))

/** What was recorded of each message at a commit. @throws when git knows no such commit. */
export function goldenAt(commit: string, folder: string = repository): Golden {
  const git = (...args: readonly string[]) =>
    execFileSync('git', args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1e8 })
  // A commit and not an option or a path, whatever it looks like.
  const id = git('rev-parse', '--verify', '--quiet', '--end-of-options', `${commit}^{commit}`).trim()
  const files = git('ls-tree', '-r', '--name-only', '-z', id, '--', 'contracts/golden').split('\0')
  return new Map(
    files.flatMap(file => {
      const [, type] = /^contracts\/golden\/(.+)\.json$/.exec(file) ?? []
      return type === undefined ? [] : [[type, JSON.parse(git('show', `${id}:${file}`)) as JsonSchema]]
    }),
  )
}

function check(base: string | undefined): number {
  if (base === undefined) {
    console.error('Name the commit that the messages must be compatible with: npm run contracts:check -- origin/main')
    return 2
  }
  let before: Golden
  try {
    before = goldenAt(base)
  } catch {
    console.error(`git finds no commit ${base} here. In a shallow clone: git fetch --unshallow`)
    return 2
  }
  const { breaks } = review(catalogue, before)
  for (const reason of breaks) console.error(`  ${reason}`)
  console.log(
    `${catalogue.length} messages against the ${before.size} of ${base}: ${breaks.length} incompatible changes.`,
  )
  return breaks.length > 0 ? 1 : 0
}

if (import.meta.main) process.exitCode = check(process.argv[2])
