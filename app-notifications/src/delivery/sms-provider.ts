import type { Logger, Resources } from '@feira/chassis'
import type { Config } from '../config.ts'
import { maskedPhone } from '../domain/recipient.ts'

export interface Sms {
  /** The same however often it is sent: a provider that takes an idempotency key takes this. */
  readonly notificationId: string
  readonly phone: string
  readonly text: string
}

/** Somebody who sends text messages. Throwing a `Rejection` says that this one can never be sent; anything else is tried again. */
export type SmsProvider = (sms: Sms) => Promise<void>

/** The provider that `SMS_PROVIDER` names. Another one is another file and another line here. */
export function smsProviderOf({ config, log }: Resources<Config>): SmsProvider {
  switch (config.SMS_PROVIDER) {
    case 'log':
      return sms => writeToLog(log, sms)
  }
}

async function writeToLog(log: Logger, { notificationId, phone, text }: Sms): Promise<void> {
  log.info({ notificationId, phone: maskedPhone(phone), length: text.length }, 'SMS')
  log.debug({ notificationId, phone, text }, 'SMS in full')
}
