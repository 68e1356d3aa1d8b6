import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout } from 'node:timers/promises'
import { connect, type Channel, type ChannelModel } from 'amqplib'
import { onTestFinished } from 'vitest'

/** A directory that is gone after the test. */
export async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'feira-broker-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  return directory
}

export interface BrokerProcess {
  readonly process: ChildProcess
  readonly url: string
  /** Ends it without giving it a chance to do anything. */
  kill(): Promise<void>
}

/** A broker in a process of its own. @throws with what it wrote to standard error when it does not start. */
export async function spawnBroker(dataDirectory: string): Promise<BrokerProcess> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'broker.child.ts'), dataDirectory])
  const exited = once(child, 'exit')
  const kill = async () => {
    child.kill('SIGKILL')
    await exited
  }
  onTestFinished(kill)
  let complaint = ''
  child.stderr.on('data', (text: Buffer) => (complaint += text.toString()))
  const [line] = (await Promise.race([once(createInterface(child.stdout), 'line'), exited])) as [unknown]
  if (typeof line === 'string') return { process: child, url: line, kill }
  throw new Error(complaint)
}

/** A connection that is closed after the test and whose loss is no error of it. */
export async function connectTo(url: string): Promise<ChannelModel> {
  const connection = silenced(await connect(url, { noDelay: true }))
  onTestFinished(() => connection.close().catch(() => {}))
  return connection
}

export function silenced<Emitter extends Channel | ChannelModel>(emitter: Emitter): Emitter {
  emitter.on('error', () => {})
  return emitter
}

/** Everything ready in `queue`, in its order. */
export async function drain(channel: Channel, queue: string): Promise<string[]> {
  const texts: string[] = []
  for (let message = await channel.get(queue); message; message = await channel.get(queue)) {
    texts.push(message.content.toString())
  }
  return texts
}

/** @throws when `condition` does not come true within 10 s. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 10_000
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`Waited 10 s in vain for ${what}.`)
    await setTimeout(5)
  }
}
