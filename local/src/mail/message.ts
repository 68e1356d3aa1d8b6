import { randomUUID } from 'node:crypto'
import PostalMime, { type Address, type Attachment, type Mailbox as PostalMailbox } from 'postal-mime'

export interface Mailbox {
  readonly name: string
  readonly address: string
}

export interface AttachmentSummary {
  readonly filename: string
  readonly mimeType: string
  readonly contentId: string
  /** Bytes, decoded. */
  readonly size: number
}

/** An e-mail that was taken, in plain values. */
export interface Message {
  readonly id: string
  /** When it arrived, ISO 8601. */
  readonly receivedAt: string
  /** What the `Date` header says, ISO 8601; the time of arrival when it says nothing. */
  readonly date: string
  readonly messageId: string
  readonly from: Mailbox
  readonly to: readonly Mailbox[]
  readonly cc: readonly Mailbox[]
  /** Whom the envelope names and no header does. */
  readonly bcc: readonly Mailbox[]
  readonly replyTo: readonly Mailbox[]
  readonly subject: string
  readonly text: string
  readonly html: string
  readonly headers: readonly { readonly name: string; readonly value: string }[]
  readonly attachments: readonly AttachmentSummary[]
  /** The e-mail as it came, one character for each byte. */
  readonly raw: string
}

/** What the SMTP commands said, which decides where an e-mail goes; its headers are only what it shows. */
export interface Envelope {
  readonly from: string
  readonly to: readonly string[]
}

const limits = { maxNestingDepth: 50, maxHeadersSize: 256 * 1_024 } as const

/**
 * Reads an e-mail (RFC 5322, MIME).
 * @throws when its parts are nested too deeply or its headers are too large.
 */
export async function readMessage(raw: Buffer, envelope: Envelope): Promise<Message> {
  const email = await PostalMime.parse(raw, limits)
  const receivedAt = new Date().toISOString()
  const to = mailboxes(email.to)
  const cc = mailboxes(email.cc)
  const shown = new Set([...to, ...cc].map(({ address }) => address))
  return {
    id: randomUUID(),
    receivedAt,
    date: email.date && Number.isFinite(Date.parse(email.date)) ? email.date : receivedAt,
    messageId: (email.messageId ?? '').replaceAll(/^<|>$/g, ''),
    from: mailboxes(email.from ? [email.from] : [])[0] ?? { name: '', address: envelope.from },
    to,
    cc,
    bcc: envelope.to.filter(address => !shown.has(address)).map(address => ({ name: '', address })),
    replyTo: mailboxes(email.replyTo),
    subject: email.subject ?? '',
    text: email.text ?? '',
    html: email.html ?? '',
    headers: email.headers.map(({ originalKey, value }) => ({ name: originalKey, value })),
    attachments: email.attachments.map(summaryOf),
    raw: raw.toString('latin1'),
  }
}

/** One attachment with its content, by its place in {@link Message.attachments}. */
export async function attachmentOf(
  { raw, attachments }: Message,
  index: number,
): Promise<(AttachmentSummary & { readonly content: Buffer }) | undefined> {
  const summary = attachments[index]
  if (!summary) return undefined
  const email = await PostalMime.parse(Buffer.from(raw, 'latin1'), limits)
  const attachment = email.attachments[index]
  return attachment && { ...summary, content: contentOf(attachment) }
}

function summaryOf(attachment: Attachment, index: number): AttachmentSummary {
  const { filename, mimeType, contentId = '' } = attachment
  return {
    filename: filename ?? `part-${index + 1}`,
    mimeType,
    contentId: contentId.replaceAll(/^<|>$/g, ''),
    size: contentOf(attachment).length,
  }
}

function contentOf({ content }: Attachment): Buffer {
  if (typeof content === 'string') return Buffer.from(content)
  return content instanceof Uint8Array ? Buffer.from(content) : Buffer.from(new Uint8Array(content))
}

function mailboxes(addresses: readonly Address[] = []): Mailbox[] {
  return addresses
    .flatMap((each): PostalMailbox[] => each.group ?? [each])
    .map(({ name, address }) => ({ name, address }))
}
