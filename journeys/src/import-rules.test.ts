import { existsSync, globSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { builtinModules } from 'node:module'
import { describe, expect, test } from 'vitest'
import { importViolations, readsEnvironment, undeclaredPackages, workspaceOf, type Declared } from './import-rules.ts'
import { importsOf } from './imports.ts'

const root = join(import.meta.dirname, '../..')
const apps = readdirSync(root).filter(name => name.startsWith('app-'))
const workspaces = ['contracts', 'chassis', 'local', 'journeys', 'infra', ...apps]
const files = workspaces.flatMap(workspace =>
  globSync(`${workspace}/**/*.{ts,mts,js,mjs}`, { cwd: root, exclude: path => path.includes('node_modules') }),
)
const sources = new Map(files.map(file => [file.replaceAll('\\', '/'), readFileSync(join(root, file), 'utf8')]))
const found = (judge: (file: string, source: string) => string[]) =>
  [...sources].flatMap(([file, source]) => judge(file, source))

describe('the code', () => {
  test('is all seen', () => {
    expect(sources.size).toBeGreaterThan(60)
    expect(new Set([...sources.keys()].map(workspaceOf))).toEqual(new Set(workspaces))
    expect([...sources.values()].flatMap(importsOf).length).toBeGreaterThan(sources.size)
  })

  test('imports only in the directions that the architecture allows', () => {
    expect(found(importViolations)).toEqual([])
  })

  test('reads the environment only in the chassis', () => {
    expect(found((file, source) => (readsEnvironment(file, source) ? [file] : []))).toEqual([])
  })

  test('declares what it imports where it imports it', () => {
    expect(found((file, source) => undeclaredPackages(file, source, declaredFor(file)))).toEqual([])
  })

  test.each(apps)('%s has the files of a service', name => {
    const expected = [
      'README.md',
      'package.json',
      'Dockerfile',
      'docker-compose.yml',
      '.env.example',
      'drizzle.config.ts',
    ]
    const all = [...expected, 'src/main.ts', 'src/service.ts', 'src/config.ts']
    expect(all.filter(file => !existsSync(join(root, name, file)))).toEqual([])
  })
})

/** The root's tools are at hand everywhere while developing, and in no image. */
function declaredFor(file: string): Declared {
  const manifest = `${workspaceOf(file)}/package.json`
  return {
    runtime: new Set([...builtinModules, ...packageNames(manifest, ['dependencies', 'optionalDependencies'])]),
    development: new Set(['package.json', manifest].flatMap(path => packageNames(path, ['devDependencies']))),
  }
}

function packageNames(manifest: string, sections: readonly string[]): string[] {
  const content = JSON.parse(readFileSync(join(root, manifest), 'utf8')) as Record<string, object | undefined>
  return sections.flatMap(section => Object.keys(content[section] ?? {}))
}

describe('a violation is recognised', () => {
  test.each([
    ['contracts/src/orders.ts', "import { x } from '@feira/chassis'", 'contracts may not import chassis'],
    ['contracts/src/orders.ts', "import pg from 'pg'", 'contracts may import only zod'],
    ['chassis/src/http.ts', "import { orderCreated } from '@feira/contracts/orders'", "only contracts' root"],
    ['chassis/src/http.ts', "import type { A } from '@feira/contracts/orders'", "only contracts' root"],
    ['chassis/src/http.ts', "import { defineEvent } from '@feira/contracts'", "only contracts' types"],
    ['chassis/src/http.ts', "import service from '@feira/app-orders/service'", 'chassis may not import app-orders'],
    ['app-orders/src/a.ts', "import service from '@feira/app-invoices/service'", 'may not import app-invoices'],
    ['app-orders/src/a.ts', "export * from '../../app-invoices/src/a.ts'", 'may not import app-invoices'],
    ['app-orders/src/a.ts', "const a = await import('@feira/app-invoices/service')", 'may not import app-invoices'],
    ['app-orders/src/a.ts', "import type { A } from '../../app-invoices/src/a.ts'", 'may not import app-invoices'],
    ['app-orders/src/a.test.ts', "import { a } from '@feira/local'", 'app-orders may not import local'],
    ['app-orders/src/a.ts', "import { a } from '../../chassis/src/a.ts'", 'imported by its package name'],
    ['app-orders/src/a.ts', 'const a = await import(name)', 'an import must be a literal'],
    ['app-orders/src/domain/order.ts', "import { z } from 'zod'", 'domain may import only ./*'],
    ['app-orders/src/domain/order.ts', "import { randomUUID } from 'node:crypto'", 'domain may import only ./*'],
    ['app-orders/src/domain/order.ts', "import { orders } from '../schema.ts'", 'domain may import only ./*'],
    ['app-orders/src/domain/order.test.ts', "import { orders } from '../schema.ts'", 'domain may import only ./*'],
    ['app-orders/src/features/a.ts', "import { b } from './b.ts'", 'a feature may not import a feature'],
    ['app-orders/src/features/a.ts', "import { b } from '../features/x/b.ts'", 'a feature may not import a feature'],
    ['journeys/src/a.test.ts', "import service from '@feira/app-orders/service'", 'journeys may not import app-orders'],
    ['local/src/a.ts', "import { orders } from '@feira/app-orders/schema'", "only an app's service"],
    ['local/src/a.ts', "import service from '../../app-orders/src/service.ts'", "only an app's service"],
  ])('%s: %s', (file, source, reason) => {
    expect(importViolations(file, source).join('\n')).toContain(reason)
  })

  test.each([
    ['contracts/src/orders.ts', "import { z } from 'zod'; import { defineEvent } from '@feira/contracts'"],
    ['contracts/src/orders.test.ts', "import { expect } from 'vitest'"],
    ['chassis/src/http.ts', "import type { Message } from '@feira/contracts'"],
    ['chassis/src/http.test.ts', "import { defineEvent } from '@feira/contracts'"],
    ['app-orders/src/service.ts', "import { placeOrder } from './features/place-order.ts'"],
    ['app-orders/src/features/a.ts', "import { b } from '../domain/b.ts'; import { x } from '@feira/contracts/orders'"],
    ['app-orders/src/features/a.test.ts', "import { a } from './a.ts'"],
    ['app-orders/src/domain/a.test.ts', "import fc from 'fast-check'; import { a } from './a.ts'"],
    ['local/src/a.ts', "import service from '@feira/app-orders/service'; await import(name)"],
    ['journeys/src/a.test.ts', "import { a } from '@feira/local'"],
    ['app-orders/src/a.ts', "// import service from '@feira/app-invoices/service'"],
    ['app-orders/src/a.ts', "/* import('@feira/app-invoices/service') */ const url = 'http://x//y' // '"],
  ])('and what is allowed is not: %s: %s', (file, source) => {
    expect(importViolations(file, source)).toEqual([])
  })

  test.each([
    'const a = process.env.PORT',
    'const { env } = process',
    "const a = process['env']",
    'const a = process?.env',
    'const a = `${process.env.PORT}`',
    'const a = import.meta.env.PORT',
    "import { env } from 'node:process'",
  ])('a reading of the environment: %s', source => {
    expect(readsEnvironment('app-orders/src/a.ts', source)).toBe(true)
    expect(readsEnvironment('chassis/src/config.ts', source)).toBe(false)
  })

  test.each(['// process.env.PORT', "log('set process.env.PORT')", 'child.env.PORT', 'process.exitCode = 1'])(
    'and not: %s',
    source => {
      expect(readsEnvironment('app-orders/src/a.ts', source)).toBe(false)
    },
  )

  test('a package that is not declared', () => {
    const source = "import pg from 'pg'; import { a } from '@scope/b/c'; import type { M } from '@feira/contracts'"
    const declared = { runtime: new Set(['pg', '@feira/contracts']), development: new Set(['@scope/b']) }
    expect(undeclaredPackages('app-orders/src/a.ts', source, declared)).toEqual([
      'app-orders/src/a.ts imports @scope/b, which app-orders/package.json does not declare',
    ])
    for (const file of ['app-orders/src/a.test.ts', 'app-orders/drizzle.config.ts', 'chassis/src/testing/a.ts'])
      expect(undeclaredPackages(file, source, declared)).toEqual([])
    const typeOnly = "import type { a } from '@scope/b'"
    expect(undeclaredPackages('app-orders/src/a.ts', typeOnly, declared)).toEqual([])
    expect(undeclaredPackages('app-orders/src/a.test.ts', "import 'c'", declared)).toHaveLength(1)
  })
})

test('every way to import is seen', () => {
  const source = `
    import a, { type b } from 'one'
    import type {
      c,
      d,
    } from "two"
    import * as e from 'three'
    export { f } from 'four'
    export * from 'five'
    import 'six'
    const g = await import('seven')
    const h = require('eight')
    const i = import.meta.resolve('nine')
    const from = 'not a module'
    // import 'comment'
    const text = "import 'text'; import('text')"
    const pattern = /['"\`]/ // a regular expression begins no string
    const j = await import('ten')
  `
  const names = 'one two three four five six seven eight nine ten'.split(' ')
  expect(importsOf(source).map(({ specifier }) => specifier)).toEqual(names)
  expect(importsOf(source).filter(({ typeOnly }) => typeOnly)).toEqual([{ specifier: 'two', typeOnly: true }])
})
