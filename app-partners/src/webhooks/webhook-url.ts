import { z } from 'zod'
import type { Config } from '../config.ts'
import { isPublicHost } from './public-address.ts'

export type WebhookUrlConfig = Pick<Config, 'WEBHOOK_PRIVATE_TARGETS'> & { readonly NODE_ENV: string }

/**
 * Where a partner may want to be told: `https://`, in development also `http://`, on a public host unless
 * `WEBHOOK_PRIVATE_TARGETS`. Registration and every attempt ask it.
 */
export function webhookUrl({ NODE_ENV, WEBHOOK_PRIVATE_TARGETS }: WebhookUrlConfig) {
  const protocols = NODE_ENV === 'production' ? ['https:'] : ['https:', 'http:']
  return z
    .string()
    .max(2_048)
    .superRefine((text, context) => {
      const complaint = complaintOf(text, protocols, WEBHOOK_PRIVATE_TARGETS)
      if (complaint !== undefined) context.addIssue({ code: 'custom', message: complaint })
    })
}

function complaintOf(text: string, protocols: readonly string[], privateTargets: boolean): string | undefined {
  // The parser of URLs drops these without a word.
  if (/[\s\p{Cc}\\]/u.test(text) || !URL.canParse(text)) return 'must be a URL'
  const url = new URL(text)
  if (!protocols.includes(url.protocol)) return `must begin with ${protocols.map(each => `${each}//`).join(' or ')}`
  if (url.username !== '' || url.password !== '') return 'must not contain credentials'
  if (!isPlausiblePort(url.port)) return 'must use the usual port, or one from 1024'
  if (!privateTargets && !isPublicHost(url.hostname)) return 'must be on a public host'
  return undefined
}

// Below 1024 are servers that read a request for something else: mail, files, remote shells.
function isPlausiblePort(port: string): boolean {
  return ['', '80', '443'].includes(port) || Number(port) >= 1_024
}
