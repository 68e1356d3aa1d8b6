import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Client } from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { type EmbeddedPostgres, startPostgres } from './index.ts'
import { isAlive } from './postmaster.ts'

let dataDirectory: string
let prepared: string
const cleanups: (() => unknown)[] = []

function newDirectory(): string {
  return path.join(mkdtempSync(path.join(tmpdir(), 'feira-postgres-test-')), 'data')
}

function removeDirectory(directory: string): void {
  rmSync(path.dirname(directory), { recursive: true, force: true, maxRetries: 5 })
}

beforeAll(async () => {
  prepared = newDirectory()
  const postgres = await startPostgres({ dataDirectory: prepared, port: 0 })
  await postgres.stop()
})

afterAll(() => removeDirectory(prepared))

beforeEach(() => {
  dataDirectory = newDirectory()
  cleanups.push(() => removeDirectory(dataDirectory))
})

/** Spares a test the making of a cluster. */
function usePrepared(): void {
  cpSync(prepared, dataDirectory, { recursive: true })
  chmodSync(path.join(dataDirectory, 'cluster/data'), 0o700)
}

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

async function start(directory = dataDirectory, port = 0): Promise<EmbeddedPostgres> {
  const postgres = await startPostgres({ dataDirectory: directory, port })
  cleanups.push(() => postgres.stop())
  return postgres
}

async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

/** Starts PostgreSQL in a process of its own. */
async function startOwner(): Promise<{ owner: ChildProcess; url: string; pid: number }> {
  const owner = fork(new URL('./testing/owner.ts', import.meta.url), [dataDirectory], { execArgv: [], silent: true })
  const ended = once(owner, 'exit').then(() => Promise.reject(new Error('the owner could not start')))
  const [{ url }] = (await Promise.race([once(owner, 'message'), ended])) as [{ url: string }]
  ended.catch(() => undefined)
  const pid = postmasterId()
  cleanups.push(async () => {
    owner.kill('SIGKILL')
    await stopped(pid)
  })
  return { owner, url, pid }
}

async function stopped(pid: number): Promise<void> {
  await vi.waitFor(() => expect(isAlive(pid)).toBe(false), 20_000)
}

function postmasterId(): number {
  return Number(readFileSync(path.join(dataDirectory, 'cluster/data/postmaster.pid'), 'utf8').split('\n')[0])
}

test('starts, and a second start keeps the data', async () => {
  const first = await startPostgres({ dataDirectory, port: 0 })
  await query(first.url, "CREATE TABLE kept AS SELECT 'ação' AS word")
  await first.stop()
  const second = await start()
  expect(await query(second.url, 'SELECT upper(word) AS word FROM kept')).toEqual([{ word: 'AÇÃO' }])
})

test('commits are on disk before they are confirmed', async () => {
  usePrepared()
  const { url } = await start()
  const rows = await query(url, "SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'synchronous_commit')")
  expect(rows.map(row => row['setting'])).toEqual(['on', 'on'])
})

test('refuses a login without the password, which only its owner can read', async () => {
  usePrepared()
  const { url } = await start()
  const open = new URL(url)
  open.password = 'guess'
  await expect(query(open.href, 'SELECT 1')).rejects.toThrow('password authentication failed')
  expect(statSync(path.join(dataDirectory, 'cluster/password')).mode & 0o077).toBe(0)
})

test('a second start on a directory in use says which process uses it', async () => {
  usePrepared()
  const { url } = await start()
  await expect(startPostgres({ dataDirectory, port: 0 })).rejects.toThrow(`already runs for process ${process.pid}`)
  expect(await query(url, 'SELECT 1 AS alive')).toEqual([{ alive: 1 }])
})

test('SIGKILL of the owner stops the server, and the next start has the data', async () => {
  usePrepared()
  const { owner, url, pid } = await startOwner()
  await query(url, 'CREATE TABLE kept AS SELECT 42 AS answer')
  owner.kill('SIGKILL')
  await stopped(pid)
  const next = await start()
  expect(await query(next.url, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }])
})

test('a start in the very moment after the owner was killed waits for the old server', async () => {
  usePrepared()
  const { owner, url, pid } = await startOwner()
  await query(url, 'CREATE TABLE kept AS SELECT 42 AS answer')
  const exit = once(owner, 'exit')
  owner.kill('SIGKILL')
  await exit
  const next = await start()
  expect(isAlive(pid)).toBe(false)
  expect(await query(next.url, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }])
})

test('Ctrl-C does not reach the server before its owner stops it', async () => {
  usePrepared()
  const { owner, url, pid } = await startOwner()
  // What a terminal does to its foreground process group.
  expect(() => process.kill(-(owner.pid as number), 'SIGINT')).toThrow(/ESRCH/)
  owner.kill('SIGINT')
  await query(url, 'SELECT 1')
  expect(isAlive(pid)).toBe(true)
})

test('a server that was killed is recovered', async () => {
  usePrepared()
  const { url } = await start()
  await query(url, 'CREATE TABLE kept AS SELECT 42 AS answer')
  process.kill(postmasterId(), 'SIGKILL')
  await cleanups.pop()?.()
  const next = await start()
  expect(await query(next.url, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }])
})

test('a postmaster.pid whose number belongs to another program by now is no obstacle', async () => {
  usePrepared()
  const lines = [process.pid, path.join(dataDirectory, 'cluster/data'), 1, 1, '', '127.0.0.1', '', 'ready']
  writeFileSync(path.join(dataDirectory, 'cluster/data/postmaster.pid'), `${lines.join('\n')}\n`)
  const next = await start()
  expect(await query(next.url, 'SELECT 1 AS alive')).toEqual([{ alive: 1 }])
})

test('a port that is taken is named', async () => {
  usePrepared()
  const other = createServer().listen(0, '127.0.0.1')
  cleanups.push(() => other.close())
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  await expect(startPostgres({ dataDirectory, port })).rejects.toMatchObject({ code: 'EADDRINUSE', port })
})

test('an initdb that was interrupted is begun again', async () => {
  const owner = fork(new URL('./testing/owner.ts', import.meta.url), [dataDirectory], { execArgv: [], silent: true })
  const unfinished = () => readdirSync(dataDirectory).find(name => name.startsWith('unfinished-'))
  await vi.waitFor(() => expect(existsSync(path.join(dataDirectory, unfinished() ?? '-', 'data/global'))).toBe(true), {
    timeout: 20_000,
    interval: 2,
  })
  owner.kill('SIGKILL')
  expect(existsSync(path.join(dataDirectory, 'cluster'))).toBe(false)
  const next = await start()
  expect(await query(next.url, 'SELECT 1 AS alive')).toEqual([{ alive: 1 }])
  expect(unfinished()).toBeUndefined()
})

test('data of another major version is refused by name', async () => {
  usePrepared()
  writeFileSync(path.join(dataDirectory, 'cluster/data/PG_VERSION'), '12\n')
  await expect(startPostgres({ dataDirectory, port: 0 })).rejects.toThrow(/written by PostgreSQL 12.* is PostgreSQL 18/)
})
