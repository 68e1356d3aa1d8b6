import { readFile } from 'node:fs/promises'
import type { Query } from '@feira/chassis'
import { newId } from '@feira/chassis'
import { startTestService } from '@feira/chassis/testing'
import { expect, test } from 'vitest'
import { service } from './service.ts'

/** Runs a migration in the schema of the transaction. */
async function migrate(query: Query, file: string): Promise<void> {
  const text = await readFile(new URL(file, service.migrations), 'utf8')
  for (const statement of text.split('--> statement-breakpoint')) await query({ text: statement })
}

const insertByRelease01 = `
  insert into invoices (id, order_id, number, user_id, status, total_cents, currency, version, issued_at, updated_at)
  values ($1, $2, $3, null, 'issued', 2999, 'BRL', 1, now(), now())`

test('invoices of release 0.1 survive the migration, and that release can go on issuing beside this one', async () => {
  await using invoices = await startTestService(service)
  const rows = await invoices.resources.transact(async ({ query }) => {
    await query({ text: 'create schema older; set local search_path to older' })
    await migrate(query, '0000_invoices.sql')
    await query({ text: insertByRelease01, values: [newId(), newId(), '2026-000001'] })
    await migrate(query, '0001_order_outcomes.sql')
    await query({ text: insertByRelease01, values: [newId(), newId(), '2026-000002'] })
    return (await query({ text: 'select * from invoices order by number' })).rows
  })
  const asNew = { items: [], order_version: 1, month: null, paid_at: null, voided_at: null, erased_at: null }
  expect(rows).toMatchObject([
    { number: '2026-000001', status: 'issued', total_cents: '2999', ...asNew },
    { number: '2026-000002', ...asNew },
  ])
})
