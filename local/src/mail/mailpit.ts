import type { Mailbox as Address, Message } from './message.ts'

// The field names are Mailpit's (https://mailpit.axllent.org/docs/api-v1/), so that what reads one server reads the other.

/** The answer of `GET /api/v1/messages`. */
export function toList(messages: readonly Message[], start: number, limit: number) {
  const page = messages.slice(start, start + limit)
  return {
    total: messages.length,
    unread: messages.length,
    count: page.length,
    messages_count: messages.length,
    messages_unread: messages.length,
    start,
    tags: [],
    messages: page.map(toSummary),
  }
}

function toSummary(message: Message) {
  return {
    ...toHeading(message),
    Read: false,
    Created: message.receivedAt,
    Attachments: message.attachments.length,
    Snippet: snippetOf(message),
  }
}

/** The answer of `GET /api/v1/message/:id`. */
export function toDetail(message: Message) {
  return {
    ...toHeading(message),
    ReturnPath: message.from.address,
    Date: message.date,
    Text: message.text,
    HTML: message.html,
    Inline: [],
    Attachments: message.attachments.map(({ filename, mimeType, contentId, size }, index) => ({
      PartID: String(index + 1),
      FileName: filename,
      ContentType: mimeType,
      ContentID: contentId,
      Size: size,
    })),
  }
}

/** The answer of `GET /api/v1/message/:id/headers`: each name with all its values. */
export function toHeaders({ headers }: Message): Record<string, string[]> {
  const values = new Map<string, string[]>()
  for (const { name, value } of headers) values.set(name, [...(values.get(name) ?? []), value])
  return Object.fromEntries(values)
}

function toHeading(message: Message) {
  return {
    ID: message.id,
    MessageID: message.messageId,
    From: toAddress(message.from),
    To: message.to.map(toAddress),
    Cc: message.cc.map(toAddress),
    Bcc: message.bcc.map(toAddress),
    ReplyTo: message.replyTo.map(toAddress),
    Subject: message.subject,
    Tags: [],
    Size: message.raw.length,
  }
}

function toAddress({ name, address }: Address) {
  return { Name: name, Address: address }
}

/** How an e-mail begins, at most 250 characters. */
export function snippetOf({ text, html }: Message): string {
  const words = text || html.slice(0, 20_000).replaceAll(/<(style|script)[^>]*>[^<]*<\/\1>|<[^>]*>/g, ' ')
  return words.slice(0, 5_000).replaceAll(/\s+/g, ' ').trim().slice(0, 250)
}
