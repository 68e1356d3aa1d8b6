import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** Speaks SMTP line by line, so that a test can also say what no mail library would. */
export class SmtpClient implements Disposable {
  readonly #socket: Socket
  #received = ''

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setEncoding('utf8').on('data', (text: string) => (this.#received += text))
    socket.on('error', () => {})
  }

  /** Connects, and waits for the greeting. */
  static async to(port: number): Promise<SmtpClient> {
    const client = new SmtpClient(connect(port, '127.0.0.1'))
    await client.reply()
    return client
  }

  get closed(): boolean {
    return this.#socket.closed
  }

  write(text: string | Buffer): void {
    this.#socket.write(text)
  }

  /** Sends a line. @returns the last line of the reply to it. */
  say(line: string): Promise<string> {
    this.write(`${line}\r\n`)
    return this.reply()
  }

  /** @returns the last line of the next reply; empty when the server hung up instead. */
  async reply(): Promise<string> {
    for (;;) {
      const match = /^(?:\d{3}-.*\r\n)*(\d{3} .*)\r\n/.exec(this.#received)
      if (match) {
        this.#received = this.#received.slice(match[0].length)
        return match[1] ?? ''
      }
      if (this.#socket.closed) return ''
      const heard = new AbortController()
      const { signal } = heard
      await Promise.race([once(this.#socket, 'data', { signal }), once(this.#socket, 'close', { signal })])
      heard.abort()
    }
  }

  /** Sends an e-mail. @returns the reply to its end. */
  async send(mail: string | Buffer, to: readonly string[] = ['ana@example.com']): Promise<string> {
    await this.say('EHLO test')
    await this.say('MAIL FROM:<shop@example.com>')
    for (const address of to) await this.say(`RCPT TO:<${address}>`)
    const ready = await this.say('DATA')
    if (!ready.startsWith('354')) return ready
    this.write(mail)
    return this.say('\r\n.')
  }

  [Symbol.dispose](): void {
    this.#socket.destroy()
  }
}

/** Sends one e-mail on a connection of its own. */
export async function sendMail(port: number, mail: string | Buffer, to?: readonly string[]): Promise<string> {
  using client = await SmtpClient.to(port)
  return await client.send(mail, to)
}

/** The source of an e-mail. */
export function mail(headers: Readonly<Record<string, string>>, body = 'Hello.'): string {
  const lines = Object.entries({ From: 'Shop <shop@example.com>', To: 'ana@example.com', ...headers })
  return [...lines.map(([name, value]) => `${name}: ${value}`), '', body].join('\r\n')
}
