export const channels = ['email', 'sms'] as const
export type Channel = (typeof channels)[number]

/** `failed` is not the end: replaying the dead letter of a notification tries again. `sent` is. */
export const statuses = ['pending', 'sent', 'failed'] as const
export type Status = (typeof statuses)[number]

export type Priority = 'normal' | 'high'

/** What became of one attempt to hand a notification over; without an outcome it runs, or its process died. */
export type Outcome =
  | 'sent'
  /** It was not handed over, for certain. */
  | 'failed'
  /** The connection was lost when all might have been said: it may have been handed over. */
  | 'unknown'

/** Whether there is still something to do for a notification. */
export function isOpen(status: Status): boolean {
  return status !== 'sent'
}
