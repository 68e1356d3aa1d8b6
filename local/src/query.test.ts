import { expect, inject, test, vi } from 'vitest'
import { runQuery } from './query.ts'

/** What it printed, and its exit code. */
async function query(args: readonly string[], url = inject('databaseUrl')) {
  const [log, error] = [vi.spyOn(console, 'log'), vi.spyOn(console, 'error')]
  for (const print of [log, error]) print.mockImplementation(() => {})
  const code = await runQuery(args, { DATABASE_URL: url })
  const output = [log, error].flatMap(print => print.mock.calls.flat()).join('\n')
  for (const print of [log, error]) print.mockRestore()
  return { code, output }
}

test('prints the rows of a statement', async () => {
  const { code, output } = await query([
    `select n, 'line' || chr(10) || 'break' as text, '{"a": [1]}'::jsonb as json, null as nothing,
       interval '90 minutes' as "interval", n + 1 as n from generate_series(1, 2) n`,
  ])
  expect(output).toBe(
    [
      'n  text        json        nothing  interval  n',
      '─  ──────────  ──────────  ───────  ────────  ─',
      '1  line break  {"a": [1]}  null     01:30:00  2',
      '2  line break  {"a": [1]}  null     01:30:00  3',
      '',
      '2 rows',
    ].join('\n'),
  )
  expect(code).toBe(0)
})

test('tells what a statement did that has no rows', async () => {
  expect(await query([`set application_name = 'x'`])).toEqual({ code: 0, output: 'SET' })
  expect(await query(['select 1 where false'])).toEqual({ code: 0, output: '?column?\n────────\n\n0 rows' })
})

test.each([
  [[], '', /Give one SQL statement/],
  [['select', '1'], '', /Give one SQL statement/],
  [['select 1'], '', /DATABASE_URL is missing/],
  [['select 1'], 'postgres://a:secret@127.0.0.1:1/b', /ECONNREFUSED[^]*Does its server run/],
  [['select 1; select 2'], undefined, /cannot insert multiple commands/],
  [['select nonsense'], undefined, /column "nonsense" does not exist/],
] as const)('says what is wrong: %j', async (args, url, message) => {
  const { code, output } = await query(args, url)
  expect(output).toMatch(message)
  expect(output).not.toMatch(/secret|^ +at /m)
  expect(code).toBe(1)
})
