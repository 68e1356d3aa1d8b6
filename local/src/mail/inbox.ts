import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Mailbox } from './mailbox.ts'
import { toDetail, toHeaders, toList } from './mailpit.ts'
import { attachmentOf, type Message } from './message.ts'
import { listPage, mailPolicy, messagePage, missingPage, pagePolicy } from './pages.ts'

export interface Inbox {
  readonly port: number
  close(): Promise<void>
}

interface Answer {
  readonly status?: number
  readonly type: string
  readonly body: string | Buffer
  readonly policy?: string
  readonly filename?: string
}

/**
 * Shows a mailbox over HTTP on the loopback address: pages for people, and the part of Mailpit's API that tests use.
 * @throws an error with the code EADDRINUSE when the port is taken.
 */
export async function startInbox(port: number, mailbox: Mailbox): Promise<Inbox> {
  const server = createServer((request, response) => {
    answer(request, mailbox).then(
      result => send(response, result),
      () => send(response, text(500, 'Something failed.')),
    )
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

async function answer({ method = '', url = '', headers }: IncomingMessage, mailbox: Mailbox): Promise<Answer> {
  // Another site's page could reach this server under a name of its own that leads to 127.0.0.1.
  if (!/^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/.test(headers.host ?? '')) return text(403, 'Only as localhost.')
  const path = /^[^?]*/.exec(url)?.[0] ?? ''
  const query = new URLSearchParams(url.slice(path.length + 1))
  if (method === 'DELETE' && path === '/api/v1/messages') {
    await mailbox.clear()
    return text(200, 'ok')
  }
  if (method !== 'GET' && method !== 'HEAD') return text(405, 'There is GET, and DELETE of /api/v1/messages.')
  if (path === '/') return page(listPage(mailbox.messages, headers.host ?? ''))
  return read(path, query, mailbox)
}

async function read(path: string, query: URLSearchParams, mailbox: Mailbox): Promise<Answer> {
  if (path === '/livez' || path === '/readyz') return text(200, 'ok')
  if (path === '/api/v1/messages')
    return json(toList(mailbox.messages, count(query, 'start', 0), count(query, 'limit', 50)))
  const [, base, id = '', rest = ''] = /^\/(message|api\/v1\/message)\/([^/]+)\/?(.*)$/.exec(path) ?? []
  const message = mailbox.find(id)
  if (base === 'message') return message ? readPage(message, rest) : page(missingPage(), 404)
  const found = base && message ? await readApi(message, rest) : undefined
  return found ?? text(404, 'Not found.')
}

function readPage(message: Message, rest: string): Answer {
  if (rest === '') return page(messagePage(message))
  if (rest === 'html') return { type: 'text/html; charset=utf-8', body: message.html, policy: mailPolicy }
  return page(missingPage(), 404)
}

async function readApi(message: Message, rest: string): Promise<Answer | undefined> {
  if (rest === '') return json(toDetail(message))
  if (rest === 'headers') return json(toHeaders(message))
  if (rest === 'raw') return { type: 'text/plain', body: Buffer.from(message.raw, 'latin1') }
  const part = /^part\/(\d+)$/.exec(rest)?.[1]
  const attachment = part === undefined ? undefined : await attachmentOf(message, Number(part) - 1)
  // Its own type could be HTML or a script.
  return attachment && { type: 'application/octet-stream', body: attachment.content, filename: attachment.filename }
}

function count(query: URLSearchParams, name: string, otherwise: number): number {
  const number = Number(query.get(name) ?? otherwise)
  return Number.isInteger(number) && number >= 0 ? number : otherwise
}

function page(body: string, status = 200): Answer {
  return { status, type: 'text/html; charset=utf-8', body, policy: pagePolicy }
}

function json(value: unknown): Answer {
  return { type: 'application/json', body: JSON.stringify(value) }
}

function text(status: number, body: string): Answer {
  return { status, type: 'text/plain; charset=utf-8', body }
}

function send(response: ServerResponse, { status = 200, type, body, policy, filename }: Answer): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'content-security-policy': policy ?? "default-src 'none'; sandbox; frame-ancestors 'none'",
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-resource-policy': 'same-origin',
    'cache-control': 'no-store',
    // RFC 8187: what is not plain ASCII is percent-encoded, so nothing can end the header.
    ...(filename === undefined
      ? {}
      : { 'content-disposition': `attachment; filename*=UTF-8''${encodeName(filename)}` }),
  })
  response.end(body)
}

function encodeName(filename: string): string {
  return encodeURIComponent(filename.toWellFormed()).replaceAll(
    /['()*]/g,
    character => `%${character.charCodeAt(0).toString(16)}`,
  )
}
