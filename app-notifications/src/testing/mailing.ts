import { newId, type Environment, type Service } from '@feira/chassis'
import { startTestService, type TestService } from '@feira/chassis/testing'
import { notificationsEmail } from '@feira/contracts/notifications'
import { service } from '../service.ts'
import { TestMailServer } from './mail-server.ts'

/** The service, with pauses between attempts that a test can wait for. */
export const impatient = withDelays(service, [20, 40])

export function withDelays<Config>(value: Service<Config>, retryDelays: readonly number[]): Service<Config> {
  return { ...value, consumers: value.consumers.map(consumer => ({ ...consumer, retryDelays })) }
}

export interface Mailing extends AsyncDisposable {
  readonly mail: TestMailServer
  readonly notifications: TestService
  /** The rows of a statement. */
  sql(text: string, ...values: unknown[]): Promise<Record<string, unknown>[]>
}

/** Starts the service beside a mail server of its own. */
export async function startMailing(env: Environment = {}, value: Service = impatient): Promise<Mailing> {
  const mail = await TestMailServer.start()
  const notifications = await startTestService(value, {
    SMTP_URL: mail.url,
    SMTP_PAUSE: '50ms',
    OUTBOX_POLL_INTERVAL: '20ms',
    ...env,
  })
  return {
    mail,
    notifications,
    sql: async (text, ...values) => (await notifications.resources.query({ text, values })).rows,
    async [Symbol.asyncDispose]() {
      await notifications[Symbol.asyncDispose]()
      await mail.stop()
    },
  }
}

/** The order to send an e-mail to somebody. */
export function email(to: string | null, fields: Partial<typeof notificationsEmail.example> = {}) {
  return { ...notificationsEmail.example, notificationId: newId(), userId: newId(), to, ...fields }
}
