import type { Channel } from './notification.ts'

const atom = String.raw`[^\s@<>,;:"()\[\]\\\p{C}]`
const address = new RegExp(`^${atom}{1,64}@${atom}{1,253}$`, 'u')

/**
 * One plain e-mail address: no name, no list, no comment, nothing that could begin another header line. Whether it exists,
 * its mail server knows.
 */
export function isEmailAddress(text: string): boolean {
  return text.length <= 254 && address.test(text)
}

/** A phone number in the form of ITU-T E.164: `+`, country code, at most 15 digits. */
export function isPhoneNumber(text: string): boolean {
  return /^\+[1-9]\d{6,14}$/.test(text)
}

/** Whether a channel can reach this recipient at all. */
export function isRecipient(channel: Channel, text: string): boolean {
  return channel === 'email' ? isEmailAddress(text) : isPhoneNumber(text)
}

/** What of a phone number may be logged: `+55*********00`. */
export function maskedPhone(phone: string): string {
  return phone.slice(0, 3) + '*'.repeat(Math.max(0, phone.length - 5)) + phone.slice(-2)
}
