import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { expect, inject, test } from 'vitest'

/** Runs `npm run db:query` with a database, as its script does. */
function query(
  args: readonly string[],
  env: Readonly<Record<string, string>> = { DATABASE_URL: inject('databaseUrl') },
) {
  const program = [path.join(import.meta.dirname, 'query.ts'), ...args]
  const { status, stdout, stderr } = spawnSync(process.execPath, program, { env, encoding: 'utf8' })
  return { code: status, output: stdout + stderr }
}

test('prints the rows of a statement', () => {
  const { code, output } = query([
    `select n, 'line' || chr(10) || 'break' as text, '{"a": [1]}'::jsonb as json, null as nothing,
       '2026-11-21T12:00:00Z'::timestamptz as at from generate_series(1, 2) n`,
  ])
  expect(output).toMatch(/│ 2 +│ 'line break' +│ '\{"a":\[1\]\}' +│ null +│ '2026-11-21T12:00:00.000Z' │/)
  expect(output).toMatch(/^2 rows$/m)
  expect(code).toBe(0)
})

test('tells what a statement did that has no rows', () => {
  expect(query([`set application_name = 'x'`])).toEqual({ code: 0, output: 'SET\n' })
  expect(query(['select 1 where false'])).toEqual({ code: 0, output: '0 rows\n' })
})

test.each([
  [[], {}, /Give one SQL statement/],
  [['select 1'], {}, /DATABASE_URL is missing/],
  [['select 1'], { DATABASE_URL: 'postgres://a:secret@127.0.0.1:1/b' }, /ECONNREFUSED[^]*npm start/],
  [['select 1; select 2'], undefined, /cannot insert multiple commands/],
  [['select nonsense'], undefined, /column "nonsense" does not exist/],
] as const)('says what is wrong: %j %j', (args, env, message) => {
  const { code, output } = query(args, env)
  expect(output).toMatch(message)
  expect(output).not.toMatch(/secret|^ +at /m)
  expect(code).toBe(1)
})
