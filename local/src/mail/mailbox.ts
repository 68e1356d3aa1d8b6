import { mkdir, readFile, rename, writeFile, appendFile } from 'node:fs/promises'
import path from 'node:path'
import type { Message } from './message.ts'

export interface MailboxLimits {
  readonly maxMessages?: number
  /** Characters of their raw text together. */
  readonly maxCharacters?: number
}

/**
 * The e-mails that were taken last. With a file they outlive the process: one JSON line for each, written before the
 * sender is told that it was taken.
 */
export class Mailbox {
  readonly #file: string | undefined
  readonly #limits: Required<MailboxLimits>
  /** The oldest first. */
  #messages: Message[] = []
  #characters = 0
  #linesInFile = 0
  #writing: Promise<unknown> = Promise.resolve()

  private constructor(file: string | undefined, limits: MailboxLimits) {
    this.#file = file
    this.#limits = { maxMessages: 1_000, maxCharacters: 64 * 1_024 * 1_024, ...limits }
  }

  /** @param dataDirectory where the file is; `undefined` keeps nothing. */
  static async open(dataDirectory: string | undefined, limits: MailboxLimits = {}): Promise<Mailbox> {
    if (dataDirectory === undefined) return new Mailbox(undefined, limits)
    await mkdir(dataDirectory, { recursive: true })
    const mailbox = new Mailbox(path.join(dataDirectory, 'messages.jsonl'), limits)
    await mailbox.#load()
    return mailbox
  }

  /** The newest first. */
  get messages(): readonly Message[] {
    return this.#messages.toReversed()
  }

  find(id: string): Message | undefined {
    return this.#messages.find(message => message.id === id)
  }

  /** Resolves when the e-mail is in the file. */
  async add(message: Message): Promise<void> {
    this.#keep(message)
    await this.#write(file => appendFile(file, `${JSON.stringify(message)}\n`), 1)
    if (this.#linesInFile > 2 * this.#limits.maxMessages) await this.#compact()
  }

  async clear(): Promise<void> {
    this.#messages = []
    this.#characters = 0
    await this.#compact()
  }

  /** Waits for what is being written. */
  async close(): Promise<void> {
    await this.#writing
  }

  #keep(message: Message): void {
    this.#messages.push(message)
    this.#characters += message.raw.length
    const { maxMessages, maxCharacters } = this.#limits
    while (this.#messages.length > maxMessages || this.#characters > maxCharacters) {
      const [oldest] = this.#messages.splice(0, 1)
      this.#characters -= oldest?.raw.length ?? 0
    }
  }

  async #load(): Promise<void> {
    const text = await readFile(this.#file ?? '', 'utf8').catch(() => '')
    const lines = text.split('\n').filter(line => line !== '')
    for (const line of lines) {
      const message = readLine(line)
      if (message) this.#keep(message)
    }
    // A kill may have left half a line, to which the next one would be appended.
    if (lines.length > 0) await this.#compact()
  }

  async #compact(): Promise<void> {
    this.#linesInFile = 0
    const lines = this.#messages.map(message => `${JSON.stringify(message)}\n`)
    await this.#write(async file => {
      await writeFile(`${file}.new`, lines.join(''))
      await rename(`${file}.new`, file)
    }, lines.length)
  }

  // One after the other: an append must not meet the file while it is replaced.
  #write(work: (file: string) => Promise<void>, lines: number): Promise<void> {
    const file = this.#file
    if (file === undefined) return Promise.resolve()
    this.#linesInFile += lines
    const written = this.#writing.then(() => work(file))
    this.#writing = written.catch(() => {})
    return written
  }
}

function readLine(line: string): Message | undefined {
  try {
    return JSON.parse(line) as Message
  } catch {
    return undefined
  }
}
