import { setTimeout as sleep } from 'node:timers/promises'
import { BreakerOpen, createBreaker, openedBy, type Resources, type Startup } from '@feira/chassis'
import { createTransport } from 'nodemailer'
import type { Config } from '../config.ts'
import { senderOf } from '../domain/setting.ts'
import { judgeSmtpError, type SmtpError, type SmtpFailure } from '../domain/smtp-failure.ts'

export interface Mail {
  readonly notificationId: string
  readonly to: string
  readonly subject: string
  readonly text: string
  readonly html: string | null
}

export interface MailServer {
  /**
   * Hands an e-mail over. While the server is away it waits a while: so the queue waits, in order, instead of every message
   * using up its attempts.
   * @param signal ends the conversation with the server.
   * @returns `away` when the e-mail was certainly not taken, because the server could not be used all the time.
   * @throws MailFailure
   */
  send(mail: Mail, signal: AbortSignal): Promise<'sent' | 'away'>
  /** Lets e-mails that are being handed over finish, and whoever waits go. */
  close(): void
}

/** An e-mail was not handed over, or perhaps not. */
export class MailFailure extends Error {
  readonly failure: SmtpFailure

  constructor(failure: SmtpFailure, cause: Error) {
    super(cause.message, { cause })
    this.name = 'MailFailure'
    this.failure = failure
  }
}

/** Connections: as many as both queues of e-mails have in flight. */
const maxConnections = 6

const opened = openedBy<MailServer>('openMailServer')

/** Gets the mail server of a service ready; it connects when there is something to send. */
export const openMailServer: Startup<Config> = async resources => {
  const server = createMailServer(resources)
  opened.set(resources, server)
  return () => server.close()
}

/** The one mail server of a running service. */
export const mailServerOf = opened.of

function createMailServer(resources: Resources<Config>): MailServer {
  const { config } = resources
  const stopping = new AbortController()
  const pool = openPool(config)
  // What the chassis takes for hanging is repeated, so both the waiting and the longest conversation must end before.
  const patience = config.HANDLER_TIMEOUT * 0.4
  const longest = config.HANDLER_TIMEOUT * 0.5
  const converse = (mail: Mail, signal: AbortSignal) =>
    pool.sendMail({ ...contentOf(mail, config), signal: AbortSignal.any([signal, AbortSignal.timeout(longest)]) })
  const breaker = createBreaker('smtp', converse, resources, {
    // Never reached: a call that is given up while it goes on might yet succeed.
    timeout: config.HANDLER_TIMEOUT * 2,
    resetTimeout: config.SMTP_PAUSE,
    minimumCalls: 3,
    isAnswer,
  })
  return {
    async send(mail, signal) {
      for (const deadline = performance.now() + patience; ;) {
        try {
          await breaker.call(mail, signal)
          return 'sent'
        } catch (error) {
          const failure = failureOf(error)
          if (failure !== 'away') throw new MailFailure(failure, error as Error)
        }
        if (stopping.signal.aborted || performance.now() > deadline) return 'away'
        await sleep(Math.min(250, config.SMTP_PAUSE), undefined, { signal: stopping.signal }).catch(() => {})
      }
    },
    close() {
      stopping.abort()
      breaker.close()
      pool.close()
    },
  }
}

function openPool({ SMTP_URL, SMTP_TIMEOUT }: Config) {
  return createTransport({
    pool: true,
    url: SMTP_URL,
    maxConnections,
    maxRequeues: 1,
    idleTimeout: 30_000,
    connectionTimeout: SMTP_TIMEOUT,
    greetingTimeout: SMTP_TIMEOUT,
    socketTimeout: SMTP_TIMEOUT,
    // Nothing in an e-mail may name a file or an address to be read from.
    disableFileAccess: true,
    disableUrlAccess: true,
  })
}

function contentOf({ notificationId, to, subject, text, html }: Mail, { MAIL_FROM, MAIL_DOMAIN }: Config) {
  return {
    // The same however often it is sent, so that mail programs show it once (RFC 5322 §3.6.4).
    messageId: `<${notificationId}@${MAIL_DOMAIN}>`,
    from: senderOf(MAIL_FROM),
    to: { name: '', address: to },
    subject,
    text,
    ...(html === null ? {} : { html }),
    // Nobody is there to read what an out-of-office program would answer (RFC 3834 §5).
    headers: { 'Auto-Submitted': 'auto-generated' },
  }
}

function failureOf(error: unknown): SmtpFailure {
  return error instanceof BreakerOpen ? 'away' : judgeSmtpError(error as SmtpError)
}

function isAnswer(error: unknown): boolean {
  return ['refused', 'deferred'].includes(failureOf(error))
}
