import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe } from 'vitest'
import { startBroker, type Broker } from '@feira/local/src/broker/broker.ts'
import { answers, Bench } from './broker-bench.ts'
import { deadLetterTests } from './broker-dead-letters.ts'
import { deliveryTests } from './broker-delivery.ts'
import { publishingTests } from './broker-publishing.ts'
import { topologyTests } from './broker-topology.ts'

const rabbit = 'amqp://guest:guest@127.0.0.1:5672'

describe('the embedded broker', () => {
  let broker: Broker
  let directory: string
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'feira-conformance-'))
    broker = await startBroker({ port: 0, dataDirectory: directory })
  })
  afterAll(async () => {
    await broker.close()
    await rm(directory, { recursive: true })
  })
  conformance(() => broker.url)
})

const rabbitAnswers = await answers(rabbit)
describe.skipIf(!rabbitAnswers)(
  `RabbitMQ${rabbitAnswers ? '' : ' (skipped: nothing answers at 127.0.0.1:5672)'}`,
  () => {
    conformance(() => rabbit)
  },
)

/** What services rely on, whichever broker they talk to. */
function conformance(url: () => string): void {
  let opened: Bench
  const bench = () => opened
  beforeEach(async () => {
    opened = await Bench.open(url())
  })
  afterEach(() => opened.close())

  describe('topology', () => {
    topologyTests(bench)
  })
  describe('publishing', () => {
    publishingTests(bench)
  })
  describe('delivery', () => {
    deliveryTests(bench)
  })
  describe('dead letters', () => {
    deadLetterTests(bench)
  })
}
