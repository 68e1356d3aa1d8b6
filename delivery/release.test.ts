import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { check } from 'prettier'
import { changeOf, nextVersion, notesOf, withRelease, type Change } from './release.ts'

const changes = (...messages: readonly string[]): Change[] =>
  messages.flatMap((message, index) => changeOf(`${index}abcdef0123`, message) ?? [])

test.each([
  ['feat(app-orders): refuse it', { type: 'feat', scope: 'app-orders', subject: 'refuse it', breaking: undefined }],
  ['fix: a\n\nWhy.\n\nBREAKING CHANGE: b\nis gone', { type: 'fix', scope: null, breaking: 'b\nis gone' }],
  ['feat(local)!: another port', { type: 'feat', scope: 'local', subject: 'another port', breaking: '' }],
  ['feat!: a\n\nBREAKING CHANGE: b', { type: 'feat', subject: 'a', breaking: 'b' }],
  ['Revert "feat: a"\n\nThis reverts commit 0123abc.', { type: 'revert', subject: 'Revert "feat: a"' }],
])('reads %j', (message, expected) => {
  expect(changeOf('0', message)).toMatchObject(expected)
})

test.each(['Merge branch main', 'wip', 'fix it: or not'])('takes %j for no Conventional Commit', message => {
  expect(changeOf('0', message)).toBeUndefined()
})

describe('the next version', () => {
  test.each([
    ['1.2.3', ['fix: a'], '1.2.4'],
    ['1.2.3', ['perf: a', 'docs: b'], '1.2.4'],
    ['1.2.3', ['fix: a', 'feat: b'], '1.3.0'],
    ['1.2.3', ['feat: a', 'refactor!: b'], '2.0.0'],
    ['1.2.3', ['docs: a\n\nBREAKING CHANGE: b'], '2.0.0'],
    ['0.2.3', ['fix!: a'], '0.3.0'],
    ['0.2.3', ['feat: a'], '0.3.0'],
    ['0.2.3', ['fix: a'], '0.2.4'],
    ['0.2.3', ['docs: a', 'test: b', 'chore: c', 'refactor: d', 'ci: e'], undefined],
    ['0.2.3', [], undefined],
  ])('after %s and %j is %s', (current, messages, expected) => {
    expect(nextVersion(current, changes(...messages))).toBe(expected)
  })
})

const changelog = `# Changelog

Words.

## [Unreleased]

### Fixed

- What a person wrote.

### Removed

- The old way.

## [0.1.0] - 2026-01-01

### Added

- Everything.
`

describe('the changelog', () => {
  const released = withRelease(
    changelog,
    '0.2.0',
    '2026-11-30',
    changes(
      'feat(app-orders): more',
      'fix: less',
      'docs: words',
      'feat(local)!: ports\n\nBREAKING CHANGE: they\nmoved',
    ),
  )

  test('keeps what a person wrote, and adds what users notice, by heading', () => {
    expect(released).toBe(`# Changelog

Words.

## [Unreleased]

## [0.2.0] - 2026-11-30

### Fixed

- What a person wrote.
- less (1abcdef)

### Removed

- The old way.

### Added

- app-orders: more (0abcdef)

### Changed

- **Breaks:** local: ports (3abcdef): they moved

## [0.1.0] - 2026-01-01

### Added

- Everything.
`)
  })

  test('keeps both where two people wrote under one heading', () => {
    const twice = changelog.replace('### Removed', '### Fixed\n\n- What another wrote.\n\n### Removed')
    expect(notesOf(withRelease(twice, '0.2.0', '2026-02-02', []), '0.2.0')).toContain(
      '- What a person wrote.\n- What another wrote.',
    )
  })

  test('gives the notes of a version back', () => {
    expect(notesOf(released, '0.2.0')).toMatch(/^### Fixed[^]*they moved$/)
    expect(notesOf(released, '0.1.0')).toBe('### Added\n\n- Everything.')
    expect(notesOf(released, '0.3.0')).toBeUndefined()
  })

  test('is not touched where it has another form', () => {
    expect(() => withRelease('# Changelog\n', '1.0.0', '2026-11-30', [])).toThrow('no section Unreleased')
  })
})

/** A repository with a workspace and its own tags, in which `npm run release` runs. */
function repository() {
  const folder = mkdtempSync(join(tmpdir(), 'feira-release-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const git = (...args: readonly string[]) =>
    execFileSync('git', ['-c', 'user.name=Ana', '-c', 'user.email=ana@example.com', ...args], { cwd: folder })
  const read = (file: string) => readFileSync(join(folder, file), 'utf8')
  const write = (file: string, content: object | string) =>
    writeFileSync(join(folder, file), typeof content === 'string' ? content : JSON.stringify(content))
  const commit = (message: string) => {
    git('add', '--all')
    git('commit', '--quiet', '--allow-empty', '--message', message)
  }
  const release = (...args: readonly string[]) => {
    const script = join(import.meta.dirname, 'release.ts')
    const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], { cwd: folder, encoding: 'utf8' })
    return { status, output: (stdout + stderr).trim() }
  }
  mkdirSync(join(folder, 'app-x'))
  write('package.json', { version: '0.1.0', workspaces: ['app-*'] })
  write('app-x/package.json', { name: '@feira/app-x', version: '0.1.0', dependencies: { zod: '4' } })
  write('package-lock.json', {
    version: '0.1.0',
    packages: { '': { version: '0.1.0' }, 'app-x': { version: '0.1.0' } },
  })
  write('CHANGELOG.md', changelog.replace(/## \[0\.1\.0\][^]*/, ''))
  git('init', '--quiet')
  commit('feat: the beginning')
  return { git, read, commit, release, folder }
}

describe('npm run release', () => {
  test('goes from the first release to the next', { timeout: 60_000 }, async () => {
    const { git, read, commit, release } = repository()
    expect(release('due')).toEqual({ status: 0, output: '' })
    expect(release()).toEqual({ status: 0, output: '0.1.0' })
    expect(release('notes').output).toMatch(/^### Fixed\n\n- What a person wrote\./)
    expect(release('notes').output).not.toContain('the beginning')
    expect(release('due')).toEqual({ status: 0, output: 'version=0.1.0' })
    expect(release()).toEqual({ status: 1, output: expect.stringContaining('a section for 0.1.0 already') })
    commit('chore: release 0.1.0')
    git('tag', 'v0.1.0')
    expect(release('due')).toEqual({ status: 0, output: '' })
    expect(release()).toEqual({ status: 1, output: 'Since 0.1.0 nothing changed that users would notice.' })

    commit('feat(app-x): *all* of a_b_c')
    git('tag', 'v9.nonsense')
    expect(release('--dry-run').output).toMatch(/^0\.2\.0\n\n### Added\n\n- app-x: /)
    expect(JSON.parse(read('package.json'))).toMatchObject({ version: '0.1.0' })
    expect(release()).toEqual({ status: 0, output: '0.2.0' })
    expect(JSON.parse(read('package.json'))).toEqual({ version: '0.2.0', workspaces: ['app-*'] })
    expect(JSON.parse(read('app-x/package.json'))).toMatchObject({ version: '0.2.0', dependencies: { zod: '4' } })
    const lock = { version: '0.2.0', packages: { '': { version: '0.2.0' }, 'app-x': { version: '0.2.0' } } }
    expect(JSON.parse(read('package-lock.json'))).toEqual(lock)
    expect(read('CHANGELOG.md').match(/^## .*/gm)).toEqual([
      '## [Unreleased]',
      expect.stringMatching(/^## \[0\.2\.0\] - \d{4}-\d\d-\d\d$/),
      expect.stringMatching(/^## \[0\.1\.0\]/),
    ])
    expect(await check(read('CHANGELOG.md'), { parser: 'markdown' })).toBe(true)
  })

  test('takes another version at its word, but none that there is', { timeout: 60_000 }, () => {
    const { git, release } = repository()
    git('tag', 'v0.1.0')
    expect(release('--as', 'latest')).toMatchObject({ status: 2 })
    expect(release('--as', '0.1.0')).toEqual({ status: 1, output: '0.1.0 was released already.' })
    expect(release('--as', '1.0.0')).toEqual({ status: 0, output: '1.0.0' })
    expect(release('publish')).toMatchObject({ status: 2, output: expect.stringContaining('no command publish') })
  })
})
