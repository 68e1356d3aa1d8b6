import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, symlinkSync, unlinkSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { goldenAt } from './check.ts'
import { readGolden } from './golden.ts'

const root = join(import.meta.dirname, '../..')
let clone: string

const git = (...args: readonly string[]) =>
  execFileSync('git', ['-c', 'user.name=Ana', '-c', 'user.email=ana@example.com', ...args], { cwd: clone })

/** A repository with the same messages, of which one commit is known as `base`. */
beforeAll(() => {
  clone = mkdtempSync(join(tmpdir(), 'feira-contracts-'))
  cpSync(join(root, 'contracts'), join(clone, 'contracts'), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(clone, 'node_modules'))
  writeFileSync(join(clone, 'package.json'), '{"type": "module"}')
  git('init', '--quiet')
  git('add', 'contracts')
  git('commit', '--quiet', '--message', 'base')
  git('tag', 'base')
})
afterAll(() => rmSync(clone, { recursive: true, force: true }))

const check = (...args: readonly string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['contracts/src/check.ts', ...args], {
    cwd: clone,
    encoding: 'utf8',
  })
  return { status, output: stdout + stderr }
}

/** Changes the declaration of a message, and what is recorded of it as well, as one would who means to get away with it. */
function edit(file: string, before: RegExp, after: string) {
  const path = join(clone, 'contracts/src', file)
  const text = readFileSync(path, 'utf8')
  expect(text).toMatch(before)
  writeFileSync(path, text.replace(before, after))
  return () => writeFileSync(path, text)
}

test('reads what was recorded at a commit, whatever the files say now', () => {
  unlinkSync(join(clone, 'contracts/golden/order.created.json'))
  expect(goldenAt('base', clone)).toEqual(readGolden())
  expect(goldenAt('base', clone).size).toBeGreaterThan(20)
})

test('finds nothing where nothing changed', () => {
  expect(check('base')).toMatchObject({ status: 0, output: expect.stringMatching(/: 0 incompatible changes\.\n$/) })
})

test('refuses a field that went, though its golden file went as well', () => {
  const undo = edit('orders.ts', /reason: z\.string\(\)\.nullable\(\), (?=causedBy, cancelledAt)/, '')
  unlinkSync(join(clone, 'contracts/golden/order.cancelled.json'))
  const { status, output } = check('base')
  undo()
  expect(output).toMatch(/order\.cancelled \$\.reason: was removed; define order\.cancelled\.v2/)
  expect(status).toBe(1)
})

test('lets a message grow', () => {
  const undo = edit('orders.ts', /reason: /, 'giftNote: z.string().optional(),\n    reason: ')
  const { status } = check('base')
  undo()
  expect(status).toBe(0)
})

test.each([[[]], [['no-such-commit']], [['--help']]])('asks for a commit that there is: %j', args => {
  expect(check(...args)).toMatchObject({ status: 2, output: expect.stringMatching(/commit/) })
})
