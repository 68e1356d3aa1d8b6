import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { environment } from '@feira/chassis'
import type { TestProject } from 'vitest/node'
import { startBroker } from './broker/broker.ts'
import { startPostgres } from './postgres/index.ts'

/**
 * The servers of a test run: those that `DATABASE_URL` and `BROKER_URL` name, else a RabbitMQ that answers on this
 * machine, else the embedded ones, which leave nothing behind.
 */
export default async function provideServers(project: TestProject): Promise<() => Promise<void>> {
  const directory = await mkdtemp(path.join(tmpdir(), 'feira-test-'))
  const database = await findDatabase(directory)
  const broker = await findBroker()
  console.log(`tests run on ${database.what} and ${broker.what}`)
  project.provide('databaseUrl', database.url)
  project.provide('brokerUrl', broker.url)
  return async () => {
    await broker.stop()
    await database.stop()
    await rm(directory, { recursive: true, force: true })
  }
}

interface TestServer {
  readonly what: string
  readonly url: string
  stop(): Promise<void>
}

const nothing = async () => {}

async function findDatabase(directory: string): Promise<TestServer> {
  const url = environment()['DATABASE_URL']
  if (url) return { what: 'the PostgreSQL of DATABASE_URL', url, stop: nothing }
  const postgres = await startPostgres({ dataDirectory: path.join(directory, 'postgres'), port: 0 })
  return { what: 'embedded PostgreSQL', url: postgres.url, stop: () => postgres.stop() }
}

async function findBroker(): Promise<TestServer> {
  const url = environment()['BROKER_URL']
  if (url) return { what: 'the broker of BROKER_URL', url, stop: nothing }
  if (await answers(5672))
    return { what: 'RabbitMQ on port 5672', url: 'amqp://guest:guest@127.0.0.1:5672', stop: nothing }
  const broker = await startBroker({ port: 0, dataDirectory: undefined })
  return { what: 'the embedded broker', url: broker.url, stop: () => broker.close() }
}

function answers(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ port, host: '127.0.0.1', timeout: 1_000 })
    const settle = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => settle(true))
    socket.once('timeout', () => settle(false))
    socket.once('error', () => settle(false))
  })
}
