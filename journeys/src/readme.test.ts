import { execFile, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { examplesOf, printsLike } from './documentation.ts'
import { LocalSystem } from './harness/local-system.ts'
import { path, root } from './harness/program.ts'

const readme = readFileSync(join(root, 'README.md'), 'utf8')
const sections = ['The shop, step by step', 'Reading fast, following live', 'Partners']
const examples = sections.flatMap(section => examplesOf(readme, section))
const tools = ['bash', 'curl', 'npm'].every(tool => spawnSync(tool, ['--version']).status === 0)
const border = '--- next block ---'

test.skipIf(!tools)('the tour of the README does what the README shows', { timeout: 120_000 }, async () => {
  expect(examples.length).toBeGreaterThan(7)
  const system = await LocalSystem.create()
  onTestFinished(() => system.destroy())
  await system.start()
  const script = examples
    .map(({ commands }) => commands)
    .join(`\necho '\n${border}'\n`)
    .replaceAll('localhost:8000', `localhost:${system.ports.GATEWAY_PORT}`)
    // What is quick on a quiet machine is not where all tests run at once.
    .replaceAll('sleep 1\n', 'sleep 5\n')
  const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', script], {
    cwd: root,
    env: { ...system.environment, PATH: path, HOME: system.dataDirectory },
  })
  // The shell glues what curl prints together: answers in JSON end without a line break.
  const printed = stdout.split(border).map(text =>
    text
      .replaceAll(/\}(?=[{a-z])/g, '}\n')
      .trim()
      .split('\n'),
  )
  examples.forEach(({ commands, output }, index) => {
    output.forEach((shown, line) => {
      const actual = printed[index]?.[line] ?? '(nothing)'
      expect(printsLike(actual, shown), `${commands}\nprinted ${actual}\nbut the README shows ${shown}`).toBe(true)
    })
  })
})
