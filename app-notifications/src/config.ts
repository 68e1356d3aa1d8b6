import { duration, flag, timeZone, type ConfigOf } from '@feira/chassis'
import { z } from 'zod'
import { isMailUrl, isSender } from './domain/setting.ts'

export const config = {
  SMTP_URL: z
    .string()
    .refine(isMailUrl, 'must be a URL that starts with smtp:// or smtps://')
    .default('smtp://127.0.0.1:1025')
    .meta({ developmentDefault: true })
    .describe('the mail server, e.g. smtps://user:password@mail.example.com'),
  SMTP_TIMEOUT: duration().default(20_000).describe('how long the mail server may take for one answer'),
  SMTP_PAUSE: duration().default(5_000).describe('how long a mail server that is down is left alone'),
  MAIL_FROM: z
    .string()
    .refine(isSender, 'must be an e-mail address, or a name and an address in <>')
    .default('Feira <no-reply@feira.example>')
    .meta({ developmentDefault: true })
    .describe('who e-mails are from'),
  MAIL_DOMAIN: z
    .string()
    .regex(/^[a-z\d-]+(\.[a-z\d-]+)*$/i, 'must be a domain name')
    .default('feira.example')
    .meta({ developmentDefault: true })
    .describe('what follows the @ in the Message-ID of e-mails'),
  SMS_PROVIDER: z
    .enum(['log'])
    .default('log')
    .describe('who sends text messages; `log` sends none, it writes a line to the log instead'),
  NOTIFICATION_TIMEZONE: timeZone().default('America/Sao_Paulo').describe('time zone of the dates in letters'),
  NOTIFICATION_WORKERS: flag()
    .default(true)
    .describe('false: this process sends nothing itself, `npm run worker -w app-notifications` does'),
}

export type Config = ConfigOf<typeof config>
