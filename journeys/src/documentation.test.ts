import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, globSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  anchorsOf,
  environmentFileVariables,
  linksOf,
  makeTargetsOf,
  mapOf,
  proseOf,
  scriptCallsOf,
  variablesOf,
} from './documentation.ts'

const root = join(import.meta.dirname, '../..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const find = (pattern: string) =>
  globSync(pattern, { cwd: root, exclude: path => path.includes('node_modules') }).map(path =>
    path.replaceAll('\\', '/'),
  )

const pages = ['*.md', '*/README.md', 'docs/**/*.md'].flatMap(find)
const markdown = new Map(pages.map(page => [page, read(page)]))
const inPages = <Found>(search: (text: string) => Found[]) =>
  [...markdown].flatMap(([page, text]) => search(text).map(found => ({ page, found })))

describe('links', () => {
  const links = inPages(linksOf).filter(({ found }) => !/^[a-z]+:/i.test(found))

  test('are seen', () => {
    expect(markdown.has('README.md')).toBe(true)
    expect(links.length).toBeGreaterThan(5)
  })

  test('lead to files and headings that exist', () => {
    expect(links.filter(({ page, found }) => !resolves(page, found))).toEqual([])
  })
})

function resolves(page: string, link: string): boolean {
  const [path = '', anchor] = decodeURIComponent(link).split('#')
  const target = path === '' ? page : join(path.startsWith('/') ? '' : dirname(page), path)
  if (!existsSync(join(root, target))) return false
  return !anchor || !target.endsWith('.md') || anchorsOf(read(target)).has(anchor)
}

describe('npm scripts', () => {
  const calls = inPages(scriptCallsOf)

  test('are seen', () => {
    expect(calls.length).toBeGreaterThan(5)
  })

  test('exist', () => {
    expect(calls.filter(({ found }) => !manifestsOf(found.workspace).some(scripts => found.script in scripts))).toEqual(
      [],
    )
  })
})

/** The scripts of the root or of the workspace that is named; `app-x` stands for any service. */
function manifestsOf(workspace: string | undefined): Record<string, string>[] {
  const folder = workspace?.replace('@feira/', '').replace(/\/$/, '') ?? '.'
  const folders = /^(?:app-x|app-\*|<.*>)$/.test(folder) ? apps : [folder]
  const manifests = folders.map(name => join(name, 'package.json')).filter(path => existsSync(join(root, path)))
  return manifests.map(path => (JSON.parse(read(path)) as { scripts?: Record<string, string> }).scripts ?? {})
}

const apps = readdirSync(root).filter(name => name.startsWith('app-'))
const namesIn = (pattern: RegExp) => (path: string) => [...read(path).matchAll(pattern)].map(([, name]) => name ?? '')
const declaredIn = namesIn(/^ +([A-Z][A-Z0-9_]*):/gm)

describe('environment variables', () => {
  const base = declaredIn('chassis/src/config.ts')
  const configs = find('app-*/src/config.ts')
  const ofCompose = find('{,*/}docker-compose*.yml').flatMap(namesIn(/\$\{([A-Z][A-Z0-9_]*)/g))
  const ofLocal = find('local/**/*.{ts,mjs}').flatMap(
    namesIn(/(?:\benv\.|\benv\['|^ +)([A-Z][A-Z0-9_]*)(?=:|'?\]|\b)/gm),
  )
  const known = new Set([...base, ...configs.flatMap(declaredIn), ...ofCompose, ...ofLocal])
  const examples = find('{,*/}.env.example').flatMap(page =>
    environmentFileVariables(read(page)).map(found => ({ page, found })),
  )
  const documented = inPages(variablesOf)

  test('are seen', () => {
    expect(base.length).toBeGreaterThan(15)
    expect(configs).toHaveLength(apps.length)
    expect(examples.length).toBeGreaterThan(5)
    expect(documented.length).toBeGreaterThan(5)
  })

  test('of an example or a table are declared', () => {
    expect([...examples, ...documented].filter(({ found }) => !known.has(found))).toEqual([])
  })

  test.each(configs)('of %s are in the example beside it', config => {
    const example = environmentFileVariables(read(join(dirname(config), '../.env.example')))
    expect(declaredIn(config).filter(name => !example.includes(name))).toEqual([])
  })

  test('of every service are in a table or an example', () => {
    const written = new Set([...examples, ...documented].map(({ found }) => found))
    expect(base.filter(name => !written.has(name))).toEqual([])
  })
})

describe('the Makefile', () => {
  const targets = makeTargetsOf(read('Makefile'))
  const commands = targets.filter(({ name }) => name !== 'help').flatMap(target => target.commands)
  const hasMake = spawnSync('make', ['--version']).status === 0

  test('is seen', () => {
    expect(targets.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['help', 'up', 'down', 'logs', 'health', 'test']),
    )
    expect(commands).toHaveLength(targets.length - 1)
  })

  test('does only what npm, Docker Compose or CI does', () => {
    const scripts = manifestsOf(undefined)[0] ?? {}
    const calls = commands.filter(command => command.startsWith('npm ') && command !== 'npm ci')
    expect(calls.map(call => scriptCallsOf(call).map(({ script }) => script in scripts))).toEqual(
      calls.map(() => [true]),
    )
    const others = commands.filter(command => !calls.includes(command))
    expect(others.filter(command => !/^(?:npm ci|docker compose \w+.*|bash \.ci\/run)$/.test(command))).toEqual([])
  })

  test.skipIf(!hasMake)('says what each target does, without being asked (where make is installed)', () => {
    const printed = execFileSync('make', { cwd: root, encoding: 'utf8' }).trimEnd().split('\n')
    expect(printed).toEqual(targets.map(({ name, says }) => `make ${name.padEnd(12)} ${says}`))
    expect(targets.filter(({ says }) => says === '')).toEqual([])
  })

  test('is read as make reads it', () => {
    const page = 'A := b\n.PHONY: x\nx: y ## does x\n\tone\n\ttwo\n\nz:\n\tthree\n'
    expect(makeTargetsOf(page)).toEqual([
      { name: 'x', says: 'does x', commands: ['one', 'two'] },
      { name: 'z', says: '', commands: ['three'] },
    ])
  })
})

describe('the map of README.md', () => {
  const map = mapOf(markdown.get('README.md') ?? '')

  test('is seen', () => {
    expect(map.length).toBeGreaterThan(5)
  })

  test('names only what exists', () => {
    const exists = (path: string) =>
      path.includes('*') ? find(path.replace(/\/$/, '')).length > 0 : existsSync(join(root, path))
    expect(map.filter(candidates => !candidates.some(exists))).toEqual([])
  })
})

describe('the reading of a page', () => {
  test('finds links, not what only looks like one', () => {
    const page = [
      '[a](a.md) ![b](b.png "title") [c](<c.md>) <a href="d.md">d</a>',
      '[e]: e.md',
      '`[no](no.md)` <!-- [no](no.md) -->',
      '```',
      '[no](no.md)',
      '```',
      '[f](#f)',
    ]
    expect(linksOf(page.join('\n'))).toEqual(['a.md', 'b.png', 'c.md', '#f', 'e.md', 'd.md'])
    expect(proseOf('a `b` c')).toBe('a  c')
  })

  test('gives headings the anchors that GitHub gives them', () => {
    const page =
      '# What `npm test` does\n## Nothing lost, nothing twice!\n## a_b\n## a_b\n```\n# no\n```\n<a id="own"></a>'
    expect([...anchorsOf(page)]).toEqual(['what-npm-test-does', 'nothing-lost-nothing-twice', 'a_b', 'a_b-1', 'own'])
  })

  test('finds the scripts, wherever the workspace stands', () => {
    const page =
      '`npm run a -w contracts` npm -w b run c; `npm test -- -w no` | npm start | npm ci\nnpm run d:e --workspace=f.'
    expect(scriptCallsOf(page)).toEqual([
      { script: 'a', workspace: 'contracts' },
      { script: 'c', workspace: 'b' },
      { script: 'test', workspace: undefined },
      { script: 'start', workspace: undefined },
      { script: 'd:e', workspace: 'f.' },
    ])
  })

  test('finds variables in tables about them and before commands', () => {
    const table =
      '| variable | meaning |\n| --- | --- |\n| `PORT` | `NO` |\n| `A_B`, `C_D=1` | |\n\n| method |\n| --- |\n| `GET` |\n'
    expect(variablesOf(`${table}\nSERVICES=orders LOG_LEVEL=debug npm start`)).toEqual([
      'PORT',
      'A_B',
      'C_D',
      'SERVICES',
      'LOG_LEVEL',
    ])
    expect(environmentFileVariables('PORT=1\n# HOST=\n# A comment\nexport X_Y=2')).toEqual(['PORT', 'HOST', 'X_Y'])
  })

  test('finds the paths of a map, side by side and nested', () => {
    const page = [
      '## The map',
      '```',
      'app-a/ app-b/   the services of a.b and/or c',
      'LICENSE package.json',
      'app-a/',
      '  src/main.ts   starts',
      '├── src/        code',
      '│   └── x.ts',
      '```',
      '## Other',
      '```',
      'no/',
      '```',
    ]
    expect(mapOf(page.join('\n'))).toEqual([
      ['app-a/'],
      ['app-b/'],
      ['LICENSE'],
      ['package.json'],
      ['app-a/'],
      ['app-a/src/main.ts', 'src/main.ts'],
      ['app-a/src/', 'src/'],
      ['app-a/x.ts', 'app-a/src/x.ts', 'x.ts'],
    ])
  })
})
