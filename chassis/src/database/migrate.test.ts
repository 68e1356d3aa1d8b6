import { randomUUID } from 'node:crypto'
import { readdirSync } from 'node:fs'
import pg from 'pg'
import { expect, inject, test } from 'vitest'
import { migrate, pendingMigrations } from './migrate.ts'
import { dropDatabase, provisionDatabase } from './provision.ts'
import { notesService } from '../testing/fixture/notes.ts'

const { migrations } = notesService()
const written = (folder: URL) => readdirSync(folder).filter(file => file.endsWith('.sql')).length

test('instances that migrate at the same time take turns, and what is pending is known', async () => {
  const name = `feira_test_migrate_${randomUUID().slice(0, 8)}`
  const url = await provisionDatabase(inject('databaseUrl'), { name, owner: 'feira_test_notes' })
  const pool = new pg.Pool({ connectionString: url })
  const pending = () => pendingMigrations(statement => pool.query(statement), migrations)
  expect(await pending()).toBe(written(new URL('../../migrations/', import.meta.url)) + written(migrations))
  const settings = { DATABASE_URL: url }
  await Promise.all([migrate(settings, migrations), migrate(settings, migrations), migrate(settings, migrations)])
  expect(await pending()).toBe(0)
  await pool.query('delete from drizzle.__drizzle_migrations')
  expect(await pending()).toBe(1)
  await pool.query('select from notes, chassis.outbox')
  await pool.end()
  await dropDatabase(inject('databaseUrl'), name)
})
