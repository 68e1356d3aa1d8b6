import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { format, resolveConfig } from 'prettier'
import { beforeAll, expect, test, vi } from 'vitest'
import { drawing } from './drawing.ts'
import { plan, type PlannedResource } from './plan.ts'
import { generatedParts, withParts } from './readme.ts'
import { resourceTable, typeCounts } from './table.ts'

let resources: readonly PlannedResource[]
let prod: readonly PlannedResource[]

vi.setConfig({ testTimeout: 120_000, hookTimeout: 240_000 })
beforeAll(async () => {
  resources = await plan('dev')
  prod = await plan('prod')
})

test('the table has a line for each resource, with its type, its name and its parent', () => {
  const lines = resourceTable(resources).split('\n')
  expect(lines).toHaveLength(resources.length + 1)
  expect(lines[0]).toMatch(/^TYPE +NAME +PARENT$/)
  expect(lines).toContainEqual(expect.stringMatching(/^aws:ecs:Service +app-orders +app-orders$/))
  expect(lines).toContainEqual(expect.stringMatching(/^aws:rds:Instance +orders-database +orders-database$/))
  expect([...typeCounts(resources).values()].reduce((sum, count) => sum + count)).toBe(resources.length)
})

test('the drawing has an arrow for each way that is open', () => {
  const lines = drawing(resources).split('\n')
  expect(lines).toContain('  app-orders -->|5432| orders-database')
  expect(lines).toContain('  services -->|5671| broker')
  expect(lines).toContain('  load-balancer -->|8000| gateway')
  expect(lines.filter(line => line.endsWith('orders-database'))).toHaveLength(1)
})

test.each(['README.md', 'COSTS.md'])('infra/%s shows what the program says: npm run readme -w infra', async name => {
  const path = fileURLToPath(new URL(`../../${name}`, import.meta.url))
  const document = readFileSync(path, 'utf8')
  const parts = generatedParts({ dev: resources, prod })[name] ?? {}
  expect(Object.keys(parts).length).toBeGreaterThan(1)
  const options = { ...(await resolveConfig(path)), filepath: path }
  expect(document).toBe(await format(withParts(document, parts), options))
})

function run(...args: string[]) {
  const cwd = fileURLToPath(new URL('../../', import.meta.url))
  return spawnSync(process.execPath, ['src/plan/main.ts', ...args], { cwd, encoding: 'utf8' })
}

test('the command prints a stack, or says what there is', () => {
  expect(run('dev').stdout).toContain(`Stack dev: ${resources.length} resources`)
  expect(run('--help').stdout).toContain('npm run plan -w infra')
  const unknown = run('test')
  expect(unknown.status).toBe(1)
  expect(unknown.stderr).toBe('There is no stack test: infra has no Pulumi.test.yaml\n')
  expect(run('--bad').stderr).toMatch(/^Unknown option '--bad'/)
})
