import { isEmailAddress } from './recipient.ts'

/** `smtp://` turns to TLS where the server offers it (RFC 3207), `smtps://` begins with it (RFC 8314). */
export function isMailUrl(text: string): boolean {
  return URL.canParse(text) && /^smtps?:$/.test(new URL(text).protocol) && new URL(text).hostname !== ''
}

/** `no-reply@example.com` or `Feira <no-reply@example.com>`. */
export function isSender(text: string): boolean {
  const { name, address } = senderOf(text)
  return text.length <= 320 && isEmailAddress(address) && !/[\p{C}<>"@,;:]/u.test(name)
}

/** The two parts of a sender; the name may be empty. */
export function senderOf(text: string): { readonly name: string; readonly address: string } {
  const [, name, address] = /^(.*?)\s*<(.*)>$/s.exec(text) ?? []
  return { name: name?.trim() ?? '', address: address ?? text }
}
