import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type EmbeddedPostgres, startPostgres } from '@feira/local/src/postgres/index.ts'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { apps, container, root } from './compose.ts'
import { path } from './harness/program.ts'

// What the script of compose needs; PostgreSQL's own image brings it.
const hasPsql = spawnSync('psql', ['--version'], { env: { PATH: path } }).status === 0

describe.skipIf(!hasPsql)('docker/postgres/databases.sh (skipped without psql)', () => {
  let directory: string
  // A server of its own, because the script takes rights from everybody.
  let postgres: EmbeddedPostgres

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'feira-roles-test-'))
    postgres = await startPostgres({ dataDirectory: directory, port: 0 })
    run(databases())
  })

  afterAll(async () => {
    await postgres.stop()
    rmSync(directory, { recursive: true, force: true })
  })

  /** What compose gives the script, with other passwords. */
  function databases(password = (name: string) => `${name}-password`): string {
    const pairs = container('postgres').environment['DATABASES']?.trim().split(/\s+/) ?? []
    return pairs
      .map(pair => pair.split(':')[0] ?? '')
      .map(name => `${name}:${password(name)}`)
      .join(' ')
  }

  function run(list: string): void {
    const { port, password } = new URL(postgres.url)
    const env = { PATH: path, PGHOST: '127.0.0.1', PGPORT: port, PGPASSWORD: password, POSTGRES_USER: 'postgres' }
    const { status, stderr } = spawnSync('bash', [join(root, 'docker/postgres/databases.sh')], {
      env: { ...env, DATABASES: list },
      encoding: 'utf8',
    })
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  }

  /** Signs a role in and runs a statement. @returns the error's code, or nothing. */
  async function attempt(role: string, database: string, statement = 'select 1', password = `${role}-password`) {
    const { port } = new URL(postgres.url)
    const client = new pg.Client({ host: '127.0.0.1', port: Number(port), user: role, database, password })
    try {
      await client.connect()
      await client.query(statement)
      return undefined
    } catch (error) {
      return (error as { code?: string }).code
    } finally {
      await client.end()
    }
  }

  const names = apps.map(({ name }) => name)
  const forbidden = '42501'

  test('gives every service its database', async () => {
    expect(names.length).toBeGreaterThanOrEqual(7)
    for (const name of names)
      expect([name, await attempt(name, name, 'create table mine ()')]).toEqual([name, undefined])
  })

  test.each(names)('%s connects to no other database, nor to those of the server', async name => {
    for (const other of [...names.filter(candidate => candidate !== name), 'postgres', 'template1'])
      expect([other, await attempt(name, other)]).toEqual([other, forbidden])
  })

  test.each(['create database another', 'create role another', 'alter role postgres password null', 'set role users'])(
    'no role may %s',
    async statement => expect(await attempt('orders', 'orders', statement)).toBe(forbidden),
  )

  test('may be run again, changes the passwords and leaves the data', async () => {
    run(databases(name => `${name}-new`))
    expect(await attempt('orders', 'orders')).toBe('28P01')
    expect(await attempt('orders', 'orders', 'select from mine', 'orders-new')).toBeUndefined()
    expect(await attempt('orders', 'users', 'select 1', 'orders-new')).toBe(forbidden)
  })
})
