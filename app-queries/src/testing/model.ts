import { startTestService, waitUntil, type TestService } from '@feira/chassis/testing'
import { watchRebuild } from '../features/watch-rebuild.ts'
import { holdModels } from '../projecting/models.ts'
import { findNewest } from '../rebuilding/rebuild.ts'
import { service } from '../service.ts'
import { answersTo } from './owners.ts'
import { orderStory, type Story, type Told } from './stories.ts'

/** The service of a test, and what tests do to it. */
export interface OpenModel extends TestService {
  /** Delivers messages one after the other. */
  told(...messages: readonly Told[]): Promise<void>
  /** Delivers the whole story of an order: see `orderStory`. */
  story(given?: Parameters<typeof orderStory>[0]): Promise<Story>
  /** What the model holds: the rows of each of its tables, in one order. */
  contents(schema?: 'model' | 'model_next'): Promise<Record<string, object[]>>
  sql<Row extends Record<string, unknown>>(text: string, ...values: unknown[]): Promise<Row[]>
  /** Looks after the rebuild at once, instead of within a second. */
  watch(): Promise<void>
  /** Waits until the rebuild that runs is completed, and is what everybody reads. */
  completed(): Promise<void>
}

/**
 * Starts the service on an empty model. The rebuild by which a new database fills itself is over when this returns, unless
 * `unfilled`.
 */
export async function openModel(env: Record<string, string> = {}, { unfilled = false } = {}): Promise<OpenModel> {
  const running = await startTestService(service, env)
  const told: OpenModel['told'] = async (...messages) => {
    for (const { message, data, id } of messages) await running.deliver(message, data, { messageId: id })
  }
  const sql: OpenModel['sql'] = async <Row extends Record<string, unknown>>(text: string, ...values: unknown[]) =>
    (await running.resources.query<Row>({ text, values })).rows
  const model: OpenModel = {
    ...running,
    sql,
    told,
    contents: (schema = 'model') => contentsOf(sql, schema),
    async story(given) {
      const story = orderStory(given)
      await told(...story.messages)
      return story
    },
    watch: () => watchRebuild.run(running.resources as never, new AbortController().signal),
    completed: async () => {
      await waitUntil('the rebuild is completed', async () => {
        await model.watch()
        return (await findNewest(running.resources.query))?.state === 'completed'
      })
      // A commit is seen a moment before PostgreSQL tells other connections of renamed schemas, but its locks are held so long.
      await running.resources.transact(holdModels)
    },
  }
  await waitUntil('the first rebuild has begun', async () => (await findNewest(running.resources.query)) !== undefined)
  if (!unfilled) await fillWithNothing(model)
  return model
}

/** Answers the rebuild that runs as owners would who have nothing at all. */
async function fillWithNothing({ resources, told, completed }: OpenModel): Promise<void> {
  const requestId = (await findNewest(resources.query))?.requestId ?? ''
  await told(...answersTo(requestId, []))
  await completed()
}

async function contentsOf(sql: OpenModel['sql'], schema: string): Promise<Record<string, object[]>> {
  const tables = await sql<{ name: string }>('select tablename as name from pg_tables where schemaname = $1', schema)
  const contents = tables.map(async ({ name }) => {
    const rows = await sql<{ row: object }>(`select to_jsonb(t) as row from ${schema}.${name} t order by 1`)
    return [name, rows.map(({ row }) => row)] as const
  })
  return Object.fromEntries(await Promise.all(contents))
}
