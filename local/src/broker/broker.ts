import { once } from 'node:events'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { AmqpError } from './amqp-error.ts'
import { Connection } from './connection.ts'
import { forgetfulJournal, openJournal } from './journal.ts'
import { Turn } from './turn.ts'
import { VirtualHost } from './virtual-host.ts'

export interface BrokerOptions {
  /** 0 for any free one. */
  readonly port: number
  readonly host?: string
  /** Where durable queues and messages are kept; `undefined` keeps nothing. */
  readonly dataDirectory: string | undefined
}

export interface Broker {
  readonly port: number
  /** With the only user there is. */
  readonly url: string
  close(): Promise<void>
}

const closeTimeout = 1_000

/**
 * Starts an AMQP 0-9-1 server that behaves like RabbitMQ in what Feira uses. With a data directory, whatever a client was
 * told is kept survives a kill of the process at any moment: it is handed to the operating system before the answer is
 * sent. It is not synced to the disk, so a power cut can take the last moments.
 * @throws an error with the code EADDRINUSE when the port is taken, DirectoryLockedError when another process has the data
 * directory, DamagedLogError when its log cannot be read.
 */
export async function startBroker({ port, host = '127.0.0.1', dataDirectory }: BrokerOptions): Promise<Broker> {
  const journal = dataDirectory === undefined ? forgetfulJournal() : await openJournal(dataDirectory)
  const turn = new Turn(journal)
  const virtualHost = new VirtualHost(journal, turn)
  const connections = new Set<Connection>()
  const server = createServer(socket => {
    const connection = new Connection(virtualHost, socket)
    connections.add(connection)
    socket.on('close', () => connections.delete(connection))
  })
  const release = async () => {
    virtualHost.close()
    await disconnect(connections)
    turn.finish()
    await journal.close()
  }
  try {
    await listen(server, port, host)
  } catch (error) {
    await release()
    throw error
  }
  const address = server.address() as AddressInfo
  let closing: Promise<void> | undefined
  const close = async () => {
    const closed = once(server, 'close')
    server.close()
    await release()
    await closed
  }
  return {
    port: address.port,
    url: `amqp://guest:guest@${host}:${address.port}`,
    close: () => (closing ??= close()),
  }
}

async function listen(server: Server, port: number, host: string): Promise<void> {
  server.listen(port, host)
  await once(server, 'listening')
}

// In RabbitMQ's words: amqplib takes them for an orderly shutdown and not for an error.
async function disconnect(connections: ReadonlySet<Connection>): Promise<void> {
  const reason = "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'"
  for (const connection of connections) connection.close(new AmqpError('connection', 320, reason))
  const deadline = Date.now() + closeTimeout
  while (connections.size > 0 && Date.now() < deadline) await setTimeout(5)
  for (const connection of connections) connection.destroy()
}
