import { startInbox } from './inbox.ts'
import { Mailbox } from './mailbox.ts'
import type { Message } from './message.ts'
import { startSmtp, type SmtpBehaviour } from './smtp.ts'

export type { Mailbox as MailAddress, Message as MailMessage } from './message.ts'
export type { SmtpBehaviour } from './smtp.ts'

export interface MailServerOptions {
  /** SMTP; 0 for any free one. */
  readonly port: number
  /** The inbox; 0 for any free one. */
  readonly httpPort: number
  /** Where e-mails are kept for the next start; `undefined` keeps nothing. */
  readonly dataDirectory?: string | undefined
  /** Older ones are dropped; default 1,000. */
  readonly maxMessages?: number
}

export interface MailServer {
  readonly port: number
  readonly httpPort: number
  /** `smtp://127.0.0.1:1025` */
  readonly url: string
  /** The page of e-mails: `http://127.0.0.1:8025`. */
  readonly inboxUrl: string
  /** The e-mails taken, the newest first. */
  readonly messages: readonly Message[]
  /** What becomes of the e-mails that come from now on: for tests of those who send them. */
  answer(behaviour: SmtpBehaviour): void
  /** Ends every connection; another server can be started on the same ports. */
  stop(): Promise<void>
}

/**
 * A mail server for development: it takes every e-mail, delivers none, and shows them on a page. Both ports listen on
 * 127.0.0.1 alone.
 * @throws an error with the code EADDRINUSE when a port is taken.
 */
export async function startMailServer(options: MailServerOptions): Promise<MailServer> {
  const { dataDirectory, maxMessages } = options
  const mailbox = await Mailbox.open(dataDirectory, maxMessages === undefined ? {} : { maxMessages })
  let behaviour: SmtpBehaviour = 'accept'
  const smtp = await startSmtp({
    port: options.port,
    behaviour: () => behaviour,
    onMessage: message => mailbox.add(message),
  })
  const inbox = await startInbox(options.httpPort, mailbox).catch(async (error: unknown) => {
    await smtp.close()
    throw error
  })
  return {
    port: smtp.port,
    httpPort: inbox.port,
    url: `smtp://127.0.0.1:${smtp.port}`,
    inboxUrl: `http://127.0.0.1:${inbox.port}`,
    get messages() {
      return mailbox.messages
    },
    answer: next => void (behaviour = next),
    async stop() {
      await Promise.all([smtp.close(), inbox.close()])
      await mailbox.close()
    },
  }
}
