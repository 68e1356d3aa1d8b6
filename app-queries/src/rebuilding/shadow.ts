import type { Query } from '@feira/chassis'

interface Statement extends Record<string, unknown> {
  readonly text: string
}

/**
 * Makes the schema `model_next` with the tables of `model` as they are in this database, so that it needs no second list of
 * them: columns, constraints and indexes, all under the same names, as later migrations will look for them. It begins
 * with the tombstones, because owners tell nothing of what they have deleted.
 */
export async function createShadow(query: Query): Promise<void> {
  await query({ text: 'create schema model_next' })
  for (const text of [tables, constraints, indexes, tombstones]) {
    const { rows } = await query<Statement>({ text })
    for (const statement of rows) await query(statement)
  }
}

export async function dropShadow(query: Query): Promise<void> {
  await query({ text: 'drop schema model_next cascade' })
}

/** Counts what the shadow holds for the query planner, which would choose bad plans until it was counted by and by. */
export async function analyzeShadow(query: Query): Promise<void> {
  const { rows } = await query<Statement>({
    text: `select format('analyze %I.%I', schemaname, tablename) as text from pg_tables where schemaname = 'model_next'`,
  })
  for (const statement of rows) await query(statement)
}

/**
 * Puts the shadow in the place of the model. Statements that are being planned may take some tables from the one and some
 * from the other, which hold the same; they must not wait for each other with the one who drops the old one, so it stays
 * for a while.
 */
export async function switchToShadow(query: Query): Promise<void> {
  await dropPast(query)
  await query({ text: 'alter schema model rename to model_past' })
  await query({ text: 'alter schema model_next rename to model' })
}

/** Removes what was read before the last switch. */
export async function dropPast(query: Query): Promise<void> {
  await query({ text: 'drop schema if exists model_past cascade' })
}

export async function hasPast(query: Query): Promise<boolean> {
  return (await query({ text: `select where to_regnamespace('model_past') is not null` })).rowCount === 1
}

/** Waits for a migration that is under way, and keeps others from the tables of the model until the transaction ends. */
export async function holdTables(query: Query): Promise<void> {
  const { rows } = await query<Statement>({ text: lock })
  for (const statement of rows) await query(statement)
}

/** Whether a migration has changed the tables since the shadow was made. */
export async function isOutdated(query: Query): Promise<boolean> {
  const [model, shadow] = ['model', 'model_next'].map(shapeOf)
  const { rowCount } = await query({ text: `(${model} except ${shadow}) union all (${shadow} except ${model})` })
  return rowCount !== 0
}

const shapeOf = (schema: string) => `(
  select concat_ws(' ', table_name, column_name, data_type, is_nullable) from information_schema.columns
  where table_schema = '${schema}'
  union all select indexname from pg_indexes where schemaname = '${schema}')`

const lock = `
  select format('lock table %s in access share mode', string_agg(format('model.%I', tablename), ', ' order by tablename)) as text
  from pg_tables where schemaname = 'model'`

const tables = `
  select format('create table model_next.%I (like model.%1$I including all excluding indexes excluding constraints)', tablename) as text
  from pg_tables where schemaname = 'model' order by tablename`

// Not null is part of the columns.
const constraints = `
  select format('alter table model_next.%I add constraint %I %s', relname, conname, pg_get_constraintdef(c.oid)) as text
  from pg_constraint c join pg_class on pg_class.oid = conrelid
  where connamespace = 'model'::regnamespace and contype in ('p', 'u', 'c') order by conname`

const indexes = `
  select replace(pg_get_indexdef(indexrelid), ' ON model.', ' ON model_next.') as text
  from pg_index join pg_class on pg_class.oid = indexrelid
  where relnamespace = 'model'::regnamespace
    and not exists (select from pg_constraint where conindid = indexrelid) order by relname`

const tombstones = `
  select format('insert into model_next.%I select * from model.%1$I where deleted_at is not null', table_name) as text
  from information_schema.columns where table_schema = 'model' and column_name = 'deleted_at' order by table_name`
