import type { Transaction } from '@feira/chassis'
import { getTableColumns, getTableName } from 'drizzle-orm'
import type { PgColumn } from 'drizzle-orm/pg-core'
import type { invoices, notifications, orders, products, stocks, users } from '../schema.ts'
import type { Model } from './models.ts'

type ModelTable =
  typeof invoices | typeof notifications | typeof orders | typeof products | typeof stocks | typeof users

/**
 * Makes the function that writes rows of a table, in any order and any number of times, into each of the models: a row
 * replaces only an older one of the same aggregate, and a tombstone whatever is none. So a model ends the same in whatever
 * order it was told.
 */
export function keepNewest<Table extends ModelTable>(table: Table) {
  const columns = columnsOf(table)
  const name = getTableName(table)
  return async ({ query }: Transaction, models: readonly Model[], rows: readonly Table['$inferSelect'][]) => {
    if (rows.length === 0) return
    const values = columns.map(([property, column]) =>
      rows.map(row => {
        const value: unknown = row[property as keyof typeof row]
        return value === null ? null : column.mapToDriverValue(value)
      }),
    )
    // They travel together.
    await Promise.all(
      models.map(model => query({ name: `keep-${model}-${name}`, text: upsertInto(model, table), values })),
    )
  }
}

function columnsOf(table: ModelTable): [string, PgColumn][] {
  return Object.entries(getTableColumns(table) as Record<string, PgColumn>)
}

function upsertInto(model: Model, table: ModelTable): string {
  const columns = columnsOf(table).map(([, column]) => column)
  const names = columns.map(({ name }) => name).join(', ')
  const given = columns.map((column, index) => `$${index + 1}::${column.getSQLType()}[]`)
  const key = columns.find(({ primary }) => primary)?.name
  const changes = columns.filter(({ primary }) => !primary).map(({ name }) => `${name} = excluded.${name}`)
  const newestFirst = ageIn(table, 'told').map(part => `${part} desc`)
  // Sorted by key, so that two replicas do not wait for each other in a circle.
  return `insert into ${model}.${getTableName(table)} as known (${names})
    select distinct on (${key}) * from unnest(${given.join(', ')}) as told (${names})
    order by ${[key, ...newestFirst].join(', ')}
    on conflict (${key}) do update set ${changes.join(', ')}
    where (${ageIn(table, 'excluded').join(', ')}) > (${ageIn(table, 'known').join(', ')})`
}

/** What decides which of two rows is the newer, the most telling first; false sorts before true. */
function ageIn(table: ModelTable, row: string): string[] {
  return [...('deletedAt' in table ? [`(${row}.deleted_at is not null)`] : []), `${row}.version`]
}
