import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from 'smtp-server'
import { readMessage, type Message } from './message.ts'

/** `accept` takes e-mails; `hang` says nothing once it has one; a number is the SMTP code that it refuses with. */
export type SmtpBehaviour = 'accept' | 'hang' | number

export interface SmtpOptions {
  readonly port: number
  readonly behaviour: () => SmtpBehaviour
  /** The sender is told that the e-mail was taken when this resolves. */
  readonly onMessage: (message: Message) => Promise<void>
}

const maxSize = 10 * 1_024 * 1_024
const maxRecipients = 100

export interface Smtp {
  readonly port: number
  close(): Promise<void>
}

/**
 * An SMTP server (RFC 5321) on the loopback address that takes e-mails for anybody and delivers none.
 * @throws an error with the code EADDRINUSE when the port is taken.
 */
export async function startSmtp({ port, behaviour, onMessage }: SmtpOptions): Promise<Smtp> {
  const server = new SMTPServer({
    name: 'localhost',
    banner: 'Feira catches e-mail and delivers none',
    disabledCommands: ['AUTH', 'STARTTLS'],
    disableReverseLookup: true,
    size: maxSize,
    maxClients: 100,
    closeTimeout: 200,
    onRcptTo: (_address, { envelope }, callback) =>
      callback(envelope.rcptTo.length < maxRecipients ? null : refusal(452, 'Too many recipients')),
    onData: (stream, session, callback) => void receive(stream, session, { behaviour, onMessage, callback }),
  })
  // A client that goes away in the middle of a sentence.
  server.on('error', () => {})
  const listener = server.listen(port, '127.0.0.1')
  await once(listener, 'listening')
  return {
    port: (listener.address() as AddressInfo).port,
    close: () => new Promise(resolve => server.close(() => resolve())),
  }
}

interface Receiving extends Pick<SmtpOptions, 'behaviour' | 'onMessage'> {
  readonly callback: (error: Error | null, reply?: string) => void
}

async function receive(
  stream: SMTPServerDataStream,
  session: SMTPServerSession,
  { behaviour, onMessage, callback }: Receiving,
): Promise<void> {
  try {
    const message = await read(stream, session)
    const manner = behaviour()
    if (manner === 'hang') return
    if (typeof manner === 'number') throw refusal(manner, 'Refused, as it was told to')
    await onMessage(message)
    callback(null, `Taken as ${message.id}`)
  } catch (error) {
    callback(error as Error)
  }
}

async function read(stream: SMTPServerDataStream, { envelope }: SMTPServerSession): Promise<Message> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size <= maxSize) chunks.push(chunk)
  }
  if (size > maxSize) throw refusal(552, `Larger than ${maxSize} bytes`)
  const from = envelope.mailFrom ? envelope.mailFrom.address : ''
  const to = envelope.rcptTo.map(({ address }) => address)
  return readMessage(Buffer.concat(chunks), { from, to }).catch((error: Error) => {
    throw refusal(554, `Not readable: ${error.message}`)
  })
}

function refusal(responseCode: number, message: string): Error {
  return Object.assign(new Error(message), { responseCode })
}
