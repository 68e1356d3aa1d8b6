import type { AddressInfo } from 'node:net'
import PostalMime, { type Email } from 'postal-mime'
import { SMTPServer, type SMTPServerSession } from 'smtp-server'

/** What the mail server does with a message to somebody. */
export type Behaviour =
  | 'accept'
  /** Says nothing after the message. */
  | 'hang'
  /** Takes the message and hangs up without saying so. */
  | 'drop'
  /** Replies so to the recipient, e.g. 550. */
  | number

/** A real SMTP server that a test has in its hands. */
export class TestMailServer implements AsyncDisposable {
  /** Every message that was read to its end, in the order of arrival, parsed. */
  readonly received: (Email & { readonly recipient: string })[] = []
  /** How often somebody was named as the recipient of a message. */
  readonly tries = new Map<string, number>()
  /** What to do next for a recipient. */
  behave: (recipient: string, time: number) => Behaviour = () => 'accept'
  /** Awaited before a message is answered. */
  gate: () => Promise<void> | void = () => {}
  #server: SMTPServer | undefined
  #port = 0

  static async start(): Promise<TestMailServer> {
    const server = new TestMailServer()
    await server.start()
    return server
  }

  get url(): string {
    return `smtp://127.0.0.1:${this.#port}`
  }

  /** Messages to one recipient. */
  to(recipient: string) {
    return this.received.filter(mail => mail.recipient === recipient)
  }

  /** Listens, on the same port as before. */
  async start(): Promise<void> {
    const server = new SMTPServer({
      authOptional: true,
      disabledCommands: ['AUTH', 'STARTTLS'],
      closeTimeout: 50,
      onRcptTo: (address, _session, callback) => callback(this.#refusal(address.address)),
      onData: (stream, session, callback) => {
        const chunks: Buffer[] = []
        stream.on('data', (chunk: Buffer) => chunks.push(chunk))
        stream.on('end', () => void this.#take(Buffer.concat(chunks), session, callback))
      },
    })
    // Hanging up on a client is what tests do on purpose.
    server.on('error', () => {})
    await new Promise<void>(resolve => server.listen(this.#port, '127.0.0.1', resolve))
    this.#port = (server.server.address() as AddressInfo).port
    this.#server = server
  }

  async stop(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (!server) return
    for (const { _socket } of server.connections) _socket.destroy()
    await new Promise<void>(resolve => server.close(resolve))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  #refusal(recipient: string): Error | null {
    const time = (this.tries.get(recipient) ?? 0) + 1
    this.tries.set(recipient, time)
    const behaviour = this.behave(recipient, time)
    if (typeof behaviour !== 'number') return null
    return Object.assign(new Error(`<${recipient}> not today`), { responseCode: behaviour })
  }

  async #take(content: Buffer, session: SMTPServerSession, callback: (error?: Error | null) => void): Promise<void> {
    const recipient = session.envelope.rcptTo[0]?.address ?? ''
    const behaviour = this.behave(recipient, this.tries.get(recipient) ?? 0)
    this.received.push({ ...(await PostalMime.parse(content)), recipient })
    await this.gate()
    if (behaviour === 'hang') return
    if (behaviour === 'drop') this.#hangUpOn(session)
    else callback()
  }

  #hangUpOn({ id }: SMTPServerSession): void {
    for (const connection of this.#server?.connections ?? []) if (connection.id === id) connection._socket.destroy()
  }
}
