import { newId } from '@feira/chassis'
import { startTestService, waitUntil, type TestService } from '@feira/chassis/testing'
import { snapshotCompleted } from '@feira/contracts/snapshots'
import { watchRebuild } from '../features/watch-rebuild.ts'
import { kinds, ownerOf } from '../rebuilding/kinds.ts'
import { findNewest } from '../rebuilding/rebuild.ts'
import { service } from '../service.ts'
import { orderStory, type Story, type Told } from './stories.ts'

/** The service of a test, and what tests do to it. */
export interface OpenModel extends TestService {
  /** Delivers messages one after the other. */
  told(...messages: readonly Told[]): Promise<void>
  /** Delivers the whole story of an order: see `orderStory`. */
  story(given?: Parameters<typeof orderStory>[0]): Promise<Story>
  sql<Row extends Record<string, unknown>>(text: string, ...values: unknown[]): Promise<Row[]>
  /** Looks after the rebuild at once, instead of within a second. */
  watch(): Promise<void>
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
  const model: OpenModel = {
    ...running,
    told,
    async story(given) {
      const story = orderStory(given)
      await told(...story.messages)
      return story
    },
    sql: async <Row extends Record<string, unknown>>(text: string, ...values: unknown[]) =>
      (await running.resources.query<Row>({ text, values })).rows,
    watch: () => watchRebuild.run(running.resources as never, new AbortController().signal),
  }
  await waitUntil('the first rebuild has begun', async () => (await findNewest(running.resources.query)) !== undefined)
  if (!unfilled) await fillWithNothing(model)
  return model
}

/** Answers the rebuild that runs as owners would who have nothing at all. */
async function fillWithNothing({ resources, deliver, watch }: OpenModel): Promise<void> {
  const requestId = (await findNewest(resources.query))?.requestId ?? newId()
  const answers = kinds.map(kind => deliver(snapshotCompleted, { requestId, owner: ownerOf[kind], kind, count: 0 }))
  await Promise.all(answers)
  await waitUntil('the first rebuild is over', async () => {
    await watch()
    return (await findNewest(resources.query))?.state === 'completed'
  })
}
