import { execFileSync } from 'node:child_process'
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { CommitParser } from 'conventional-commits-parser'
import { format, resolveConfig } from 'prettier'

const help = `Makes the next release out of the commits since the last one.

  npm run release                   works the version out, and writes it to CHANGELOG.md and every package.json
  npm run release -- --dry-run      only says which version, with which notes
  npm run release -- --as 1.0.0     that version, and no other
  npm run release -- due            version=… if what CHANGELOG.md and package.json say has no tag yet, else nothing
  npm run release -- notes          the notes of the version in package.json

Look at what it wrote, commit it as "chore: release <version>", and bring it to main: there the release is tagged and deployed.
Exit code: 0 done, 1 there is nothing to release, 2 written wrongly.`

/** There is nothing to release, or the command was written wrongly; the message says so. */
class Refused extends Error {
  readonly code: 1 | 2

  constructor(message: string, code: 1 | 2) {
    super(message)
    this.code = code
  }
}

/** A commit, as far as a release needs to know it. */
export interface Change {
  readonly type: string
  readonly scope: string | null
  readonly subject: string
  /** What breaks; empty where the commit only says that something does. */
  readonly breaking: string | undefined
  readonly id: string
}

const parser = new CommitParser({
  headerPattern: /^(\w*)(?:\(([^)]*)\))?!?: (.*)$/,
  breakingHeaderPattern: /^(\w*)(?:\(([^)]*)\))?!: (.*)$/,
})

/** Reads a commit's message. Nothing where it is no Conventional Commit. */
export function changeOf(id: string, message: string): Change | undefined {
  const { header, type, scope, subject, notes, revert } = parser.parse(message)
  // As git and GitHub write it.
  if (revert && header) return { type: 'revert', scope: null, subject: header, breaking: undefined, id }
  if (!type || !subject) return undefined
  const note = notes.find(({ title }) => title.startsWith('BREAKING'))?.text
  // The parser makes the subject the note where only the header says that something breaks.
  const breaking = note === subject ? '' : note
  return { type, scope: scope ?? null, subject, breaking: breaking ?? (header?.includes('!:') ? '' : undefined), id }
}

/**
 * The version that follows, by Semantic Versioning: before 1.0.0 what breaks raises the second number, as nothing is promised
 * yet, and 1.0.0 itself is somebody's decision.
 * @returns nothing when no change is one that users would notice.
 */
export function nextVersion(current: string, changes: readonly Change[]): string | undefined {
  const [major = 0, minor = 0, patch = 0] = current.split('.').map(Number)
  if (changes.some(({ breaking }) => breaking !== undefined)) return major > 0 ? `${major + 1}.0.0` : `0.${minor + 1}.0`
  if (changes.some(({ type }) => type === 'feat')) return `${major}.${minor + 1}.0`
  return changes.some(({ type }) => type in headings) ? `${major}.${minor}.${patch + 1}` : undefined
}

/** What users notice, and where Keep a Changelog has it. What breaks is noticed whatever its type. */
const headings: Readonly<Record<string, string>> = { feat: 'Added', perf: 'Changed', fix: 'Fixed', revert: 'Changed' }

/** One line for each change that users notice, by heading. */
function linesOf(changes: readonly Change[]): Map<string, string[]> {
  const lines = new Map<string, string[]>()
  for (const { type, scope, subject, breaking, id } of changes) {
    const heading = breaking === undefined ? headings[type] : 'Changed'
    if (heading === undefined) continue
    const what = `${scope === null ? '' : `${scope}: `}${subject} (${id.slice(0, 7)})`
    const reason = breaking ? `: ${breaking.replaceAll(/\s+/g, ' ').trim()}` : ''
    const line = breaking === undefined ? `- ${what}` : `- **Breaks:** ${what}${reason}`
    lines.set(heading, [...(lines.get(heading) ?? []), line])
  }
  return lines
}

const unreleased = '## [Unreleased]\n'

/** The changelog with a section for the release: what was written under Unreleased, and the changes, under their headings. */
export function withRelease(changelog: string, version: string, date: string, changes: readonly Change[]): string {
  const [head, tail] = changelog.split(unreleased)
  if (head === undefined || tail === undefined) throw new Error('CHANGELOG.md has no section Unreleased')
  const end = /^## /m.exec(tail)?.index ?? tail.length
  const sections = new Map<string, string>()
  for (const part of tail.slice(0, end).split(/^### /m)) {
    const [heading = '', ...lines] = part.split('\n')
    const text = lines.join('\n').trim()
    // Two branches that were merged may have written the same heading each.
    const before = sections.get(heading.trim())
    if (text !== '') sections.set(heading.trim(), before === undefined ? text : `${before}\n${text}`)
  }
  for (const [heading, lines] of linesOf(changes))
    sections.set(heading, [sections.get(heading), lines.join('\n')].filter(text => text !== undefined).join('\n'))
  const notes = [...sections].map(([heading, text]) => `${heading && `### ${heading}\n\n`}${text}\n\n`).join('')
  return `${head}${unreleased}\n## [${version}] - ${date}\n\n${notes}${tail.slice(end)}`
}

/** The notes of a version. Nothing where it has no section. */
export function notesOf(changelog: string, version: string): string | undefined {
  const start = changelog.indexOf(`\n## [${version}]`)
  if (start < 0) return undefined
  const section = changelog.slice(changelog.indexOf('\n', start + 1) + 1)
  return section.slice(0, /^## /m.exec(section)?.index ?? section.length).trim()
}

interface Manifest {
  version: string
  readonly workspaces?: readonly string[]
}

interface Lock {
  readonly packages: Readonly<Record<string, Manifest>>
}

/** A repository in a folder, and what a release reads and writes there. */
class Repository {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  get #root(): Manifest {
    return JSON.parse(this.#read('package.json')) as Manifest
  }

  get version(): string {
    return this.#root.version
  }

  get changelog(): string {
    return this.#read('CHANGELOG.md')
  }

  /** The version that was released last, if one was. */
  get released(): string | undefined {
    const tags = this.#git('tag', '--list', 'v*', '--merged', 'HEAD', '--sort=-version:refname').split('\n')
    return tags.find(tag => /^v\d+\.\d+\.\d+$/.test(tag))?.slice(1)
  }

  hasTag(version: string): boolean {
    return this.#git('tag', '--list', `v${version}`).trim() !== ''
  }

  changesSince(version: string): Change[] {
    const log = this.#git('log', '--no-merges', '--format=%H%n%B%x00', `v${version}..HEAD`)
    return log.split('\0').flatMap(entry => {
      const [, id, message] = /^\s*([0-9a-f]+)\n([^]*\S[^]*)$/.exec(entry) ?? []
      return (id && message && changeOf(id, message)) || []
    })
  }

  /** Writes the version to every package and to the lock file, and its section to the changelog. */
  async write(version: string, changelog: string): Promise<void> {
    const workspaces = globSync([...(this.#root.workspaces ?? [])], { cwd: this.#folder })
    for (const folder of ['.', ...workspaces])
      this.#edit(join(folder, 'package.json'), manifest => void (manifest.version = version))
    this.#edit('package-lock.json', lock => {
      lock.version = version
      for (const folder of ['', ...workspaces]) {
        const entry = lock.packages[folder]
        if (entry) entry.version = version
      }
    })
    const path = join(this.#folder, 'CHANGELOG.md')
    writeFileSync(path, await format(changelog, { ...(await resolveConfig(path)), filepath: path }))
  }

  #edit(file: string, change: (content: Manifest & Lock) => void): void {
    const content = JSON.parse(this.#read(file)) as Manifest & Lock
    change(content)
    writeFileSync(join(this.#folder, file), `${JSON.stringify(content, null, 2)}\n`)
  }

  #read(file: string): string {
    return readFileSync(join(this.#folder, file), 'utf8')
  }

  #git(...args: readonly string[]): string {
    return execFileSync('git', args, { cwd: this.#folder, encoding: 'utf8', maxBuffer: 1e9 })
  }
}

interface Options {
  readonly as?: string
  readonly 'dry-run': boolean
}

async function release(repository: Repository, { as, 'dry-run': dryRun }: Options): Promise<string> {
  const { released } = repository
  // Of the first release the changelog tells what there is, and not how it came about.
  const changes = released === undefined ? [] : repository.changesSince(released)
  const version = as ?? (released === undefined ? repository.version : nextVersion(released, changes))
  if (version === undefined) throw new Refused(`Since ${released} nothing changed that users would notice.`, 1)
  if (!/^\d+\.\d+\.\d+$/.test(version)) throw new Refused('--as must be a version such as 1.0.0', 2)
  if (repository.hasTag(version)) throw new Refused(`${version} was released already.`, 1)
  if (notesOf(repository.changelog, version) !== undefined)
    throw new Refused(`CHANGELOG.md has a section for ${version} already, which has no tag yet.`, 1)
  const changelog = withRelease(repository.changelog, version, new Date().toISOString().slice(0, 10), changes)
  if (dryRun) return `${version}\n\n${notesOf(changelog, version)}`
  await repository.write(version, changelog)
  return version
}

/** What is written down as a release and has no tag. Before the first one there is no section of any version. */
function due(repository: Repository): string {
  const { version } = repository
  const isDue = notesOf(repository.changelog, version) !== undefined && !repository.hasTag(version)
  return isDue ? `version=${version}` : ''
}

async function run(folder: string, args: readonly string[]): Promise<string> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      as: { type: 'string' },
      'dry-run': { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return help
  const repository = new Repository(folder)
  const [command] = positionals
  if (command === undefined) return release(repository, values)
  if (command === 'due') return due(repository)
  if (command !== 'notes') throw new Refused(`There is no command ${command}.\n\n${help}`, 2)
  const { version } = repository
  const notes = notesOf(repository.changelog, version)
  if (notes === undefined) throw new Refused(`CHANGELOG.md has no section for ${version}.`, 1)
  return notes
}

if (import.meta.main) {
  try {
    const output = await run(process.cwd(), process.argv.slice(2))
    if (output !== '') console.log(output)
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error))
    process.exitCode = error instanceof Refused ? error.code : 2
  }
}
