import { randomUUID } from 'node:crypto'
import { expect, test, vi } from 'vitest'
import { runDeadLetters } from './index.ts'

/** What it printed as an error, and its exit code. */
async function run(...args: readonly string[]) {
  const print = vi.spyOn(console, 'error').mockImplementation(() => {})
  const code = await runDeadLetters(args)
  const output = print.mock.calls.flat().join('\n')
  print.mockRestore()
  return { code, output }
}

test.each([
  [['replay'], /an id, --fingerprint or --all/],
  [['replay', '--all', '--fingerprint', 'x'], /an id, --fingerprint or --all/],
  [['replay', randomUUID(), '--dry-run'], /--dry-run counts/],
  [['delete'], /an id or --fingerprint/],
  [['delete', '--all'], /neither --all/],
  [['show', 'nonsense'], /Give the id/],
  [['--service', 'shop'], /no service shop/],
  [['--url', 'https://feira.example'], /without encryption/],
  [['--url', 'http://feira.example'], /FEIRA_TOKEN/],
  [['burn'], /no command burn/],
  [['--brun'], /--brun/],
] as const)('says how it is written when it was written wrongly: %j', async (args, message) => {
  const { code, output } = await run(...args)
  expect(output).toMatch(message)
  expect(code).toBe(2)
})

test('says so when nobody can be signed in', async () => {
  expect(await run('--url', 'http://localhost:1')).toMatchObject({
    code: 1,
    output: expect.stringContaining('Nothing answers at http://localhost:1'),
  })
})
