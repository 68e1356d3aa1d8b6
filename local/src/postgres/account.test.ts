import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Client } from 'pg'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { findBinaries } from './binaries.ts'
import { startPostgres } from './index.ts'

test('a platform without programs is named, with the way out', () => {
  expect(() => findBinaries('freebsd', 'riscv64')).toThrow(/freebsd-riscv64.*DATABASE_URL/s)
})

// Containers commonly forbid them.
const namespaces = spawnSync('unshare', ['-U', '--map-user=65534', 'true']).status === 0

describe.skipIf(process.getuid?.() !== 0)('as root', () => {
  let root: string
  const nobody = 65_534

  beforeEach(() => {
    root = fs.mkdtempSync(path.join(tmpdir(), 'feira-postgres-test-'))
  })

  afterEach(() => {
    vi.unstubAllEnvs()
    fs.rmSync(root, { recursive: true, force: true, maxRetries: 5 })
  })

  /** Starts, counts the starts in a table, stops, and says who owned the server's process. */
  async function visit(dataDirectory = path.join(root, 'data'), data = path.join(dataDirectory, 'cluster/data')) {
    const postgres = await startPostgres({ dataDirectory, port: 0 })
    try {
      const pid = fs.readFileSync(path.join(data, 'postmaster.pid'), 'utf8').split('\n')[0]
      const client = new Client({ connectionString: postgres.url })
      await client.connect()
      await client.query('CREATE TABLE IF NOT EXISTS visits (at timestamptz); INSERT INTO visits VALUES (now())')
      const { rows } = await client.query<{ count: number }>('SELECT count(*)::int AS count FROM visits')
      await client.end()
      return { uid: fs.statSync(`/proc/${pid}`).uid, visits: rows[0]?.count }
    } finally {
      await postgres.stop()
    }
  }

  test('runs as nobody where nobody can enter', async () => {
    fs.chmodSync(root, 0o755)
    expect(await visit()).toEqual({ uid: nobody, visits: 1 })
  })

  test.skipIf(!namespaces)(
    'runs without rights in a folder that only root can enter, also on data that was made by nobody',
    async () => {
      fs.chmodSync(root, 0o755)
      await visit()
      fs.chmodSync(root, 0o700)
      expect(await visit()).toEqual({ uid: 0, visits: 2 })
    },
  )

  test('moves to a copy below /var/tmp where neither is possible, and finds it again', async () => {
    fs.chmodSync(root, 0o755)
    vi.stubEnv('PATH', pathWithoutUnshare())
    const closed = path.join(root, 'closed')
    fs.mkdirSync(closed, { mode: 0o700 })
    const dataDirectory = path.join(closed, 'data')
    const first = await startPostgres({ dataDirectory, port: 0 })
    await first.stop()
    const home = fs.readFileSync(path.join(dataDirectory, 'relocated-to'), 'utf8').trim()
    try {
      const data = path.join(home, 'data/cluster/data')
      expect(await visit(dataDirectory, data)).toEqual({ uid: nobody, visits: 1 })
      expect(await visit(dataDirectory, data)).toEqual({ uid: nobody, visits: 2 })
    } finally {
      fs.rmSync(home, { recursive: true, force: true })
    }
  })

  /** A folder for PATH, open to nobody, with all that a start needs but `unshare`. */
  function pathWithoutUnshare(): string {
    const folder = path.join(root, 'bin')
    fs.mkdirSync(folder)
    for (const name of ['sh', 'id', 'sleep']) fs.symlinkSync(`/bin/${name}`, path.join(folder, name))
    return folder
  }
})
