import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { afterEach, describe, expect, inject, test } from 'vitest'
import { cloneDatabase, dropDatabase, provisionDatabase } from './provision.ts'

const adminUrl = inject('databaseUrl')
const cleanups: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

/** A name that no other test uses; its database is dropped after the test. */
function newName(prefix = 'provision-test'): string {
  const name = `${prefix}-${randomBytes(5).toString('hex')}`
  cleanups.push(() => dropDatabase(adminUrl, name))
  return name
}

/** A login of the server with just these attributes. */
async function newLogin(attributes: string): Promise<{ name: string; url: string }> {
  const name = `provision-test-${randomBytes(5).toString('hex')}`
  await query(adminUrl, `CREATE ROLE "${name}" LOGIN PASSWORD 'secret' ${attributes}`)
  cleanups.push(() => query(adminUrl, `DROP OWNED BY "${name}"; DROP ROLE "${name}"`))
  return { name, url: Object.assign(new URL(adminUrl), { username: name, password: 'secret' }).href }
}

describe.each([
  ['a superuser', 'SUPERUSER'],
  ['a login with CREATEDB and CREATEROLE', 'CREATEDB CREATEROLE'],
])('as %s', (_, attributes) => {
  test('the role works in its own database and cannot connect to another', async () => {
    const admin = await newLogin(attributes)
    const [orders, invoices] = [newName(), newName()]
    const url = await provisionDatabase(admin.url, { name: orders })
    await provisionDatabase(admin.url, { name: invoices })
    await query(url, 'CREATE SCHEMA chassis; CREATE TABLE public.orders (id int)')
    const elsewhere = new URL(url)
    elsewhere.pathname = invoices
    await expect(query(elsewhere.href, 'SELECT 1')).rejects.toThrow('permission denied for database')
  })

  test('a second time changes nothing and returns the same', async () => {
    const admin = await newLogin(attributes)
    const name = newName()
    const first = await provisionDatabase(admin.url, { name })
    await query(first, 'CREATE TABLE kept AS SELECT 42 AS answer')
    const second = await provisionDatabase(admin.url, { name })
    expect(second).toBe(first)
    expect(await query(second, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }])
  })

  test('a clone has the content and the owner of its template, and is as closed', async () => {
    const admin = await newLogin(attributes)
    const [template, name, other] = [newName(), newName(), newName()]
    const url = await provisionDatabase(admin.url, { name: template })
    await query(url, 'CREATE TABLE kept AS SELECT 42 AS answer')
    const clone = await cloneDatabase(admin.url, { template, name })
    await query(clone, 'UPDATE kept SET answer = 43')
    expect(await query(url, 'SELECT answer, current_user AS role FROM kept')).toEqual([{ answer: 42, role: template }])
    const stranger = new URL(await provisionDatabase(admin.url, { name: other }))
    stranger.pathname = name
    await expect(query(stranger.href, 'SELECT 1')).rejects.toThrow('permission denied for database')
  })

  test('dropping removes database and role, connected or not, but not the role of a template', async () => {
    const admin = await newLogin(attributes)
    const [template, name] = [newName(), newName()]
    await provisionDatabase(admin.url, { name: template })
    const connected = new pg.Client({ connectionString: await cloneDatabase(admin.url, { template, name }) })
    connected.on('error', () => undefined)
    await connected.connect()
    await dropDatabase(admin.url, name)
    expect(await query(adminUrl, `SELECT rolname FROM pg_roles WHERE rolname = '${template}'`)).toHaveLength(1)
    await dropDatabase(admin.url, template)
    const left = `SELECT rolname FROM pg_roles WHERE rolname = '${template}'
      UNION ALL SELECT datname FROM pg_database WHERE datname IN ('${template}', '${name}')`
    expect(await query(adminUrl, left)).toEqual([])
    await dropDatabase(admin.url, template)
  })
})

test('eight processes at once make one', async () => {
  const name = newName()
  const urls = await Promise.all(Array.from({ length: 8 }, () => provisionDatabase(adminUrl, { name })))
  expect(new Set(urls).size).toBe(1)
})

test.each([
  ['CREATEDB', 'CREATEROLE'],
  ['CREATEROLE', 'CREATEDB'],
  ['', 'CREATEDB and CREATEROLE'],
])('a login with %j is told that it lacks %s', async (attributes, missing) => {
  const admin = await newLogin(attributes)
  const attempt = provisionDatabase(admin.url, { name: newName() })
  await expect(attempt).rejects.toThrow(`it lacks ${missing}. Let a superuser run: ALTER ROLE "${admin.name}"`)
})

test('the derived password opens the role and depends on the secret of the admin', async () => {
  const [first, second] = [await newLogin('SUPERUSER'), await newLogin('SUPERUSER')]
  await query(adminUrl, `ALTER ROLE "${second.name}" PASSWORD 'other'`)
  const name = newName()
  const url = new URL(await provisionDatabase(first.url, { name }))
  const other = new URL(await provisionDatabase(second.url.replace(':secret@', ':other@'), { name }))
  expect(url.password).toMatch(/^[0-9a-f]{64}$/)
  expect(other.password).not.toBe(url.password)
})

test('a role or database of somebody else is left alone', async () => {
  const { name } = await newLogin('')
  await expect(provisionDatabase(adminUrl, { name })).rejects.toThrow(`role "${name}" exists already`)
  const database = newName()
  await query(adminUrl, `CREATE DATABASE "${database}"`)
  await expect(provisionDatabase(adminUrl, { name: database })).rejects.toThrow('belongs to the role "postgres"')
})

test('quotes in names are part of the name, and long ones are refused', async () => {
  const name = newName(`ação "' %20`)
  const url = await provisionDatabase(adminUrl, { name })
  expect(await query(url, 'SELECT current_database() AS name')).toEqual([{ name }])
  await expect(provisionDatabase(adminUrl, { name: 'x'.repeat(64) })).rejects.toThrow('63 bytes')
})
