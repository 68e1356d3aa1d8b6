import { createHash } from 'node:crypto'
import { html, Html } from './html.ts'
import { snippetOf } from './mailpit.ts'
import type { Mailbox as Address, Message } from './message.ts'

const style = `
:root { color-scheme: light dark; --ink: #1c2b24; --soft: #5d6f66; --line: #d9e2dc; --paper: #fbfdfb; --leaf: #1c7c4d; --code: #f0f5f1 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4ede7; --soft: #94a69c; --line: #2b3a32; --paper: #121a16; --leaf: #5cc98f; --code: #1a2520 }
}
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.6 system-ui, sans-serif }
main { max-width: 60rem; margin: 0 auto; padding: 4rem 1.5rem }
h1 { margin: 0; font-size: 2.5rem; letter-spacing: -.02em; overflow-wrap: anywhere }
h2 { margin: 2.5rem 0 .5rem; font-size: 1.1rem }
p { margin: .25rem 0; color: var(--soft) }
a { color: var(--leaf) }
table { width: 100%; border-collapse: collapse; margin-top: 2rem }
td { padding: .6rem 1rem .6rem 0; border-top: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere }
td:last-child { padding-right: 0 }
time { color: var(--soft); white-space: nowrap }
code, pre { font: .875rem/1.7 ui-monospace, monospace }
pre { margin: .5rem 0; padding: 1rem 1.25rem; overflow-x: auto; white-space: pre-wrap; background: var(--code); border-radius: .5rem }
iframe { width: 100%; height: 40rem; border: 1px solid var(--line); border-radius: .5rem; background: #fff }
`

const styleHash = createHash('sha256').update(style).digest('base64')

/** Nothing but these pages' own style, and the e-mail's frame. https://www.w3.org/TR/CSP3/ */
export const pagePolicy = `default-src 'none'; style-src 'sha256-${styleHash}'; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`

/** For the HTML of an e-mail, opened in its frame or by itself: it runs nothing and loads nothing. */
export const mailPolicy = `sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'`

/** @param host where this page was found, e.g. `localhost:8025` */
export function listPage(messages: readonly Message[], host: string): string {
  const shown = messages.slice(0, 100)
  const title = messages.length === 1 ? '1 e-mail' : `${messages.length} e-mails`
  const hint =
    messages.length > shown.length
      ? html`<p>The newest ${shown.length}. The others are at <code>/api/v1/messages</code>.</p>`
      : html``
  return page(
    'E-mails',
    html`<h1>E-mails</h1>
      <p>${title} that the services sent. None of them was delivered to anybody.</p>
      <table>
        ${shown.map(row)}
      </table>
      ${hint}
      <h2>Delete them</h2>
      <pre>curl -X DELETE ${host}/api/v1/messages</pre>`,
    html`<meta http-equiv="refresh" content="5" />`,
  )
}

function row(message: Message): Html {
  return html`<tr>
    <td>${message.to.map(to => html`${to.address}<br />`)}${message.bcc.map(to => html`${to.address}<br />`)}</td>
    <td>
      <a href="/message/${message.id}">${message.subject || '(no subject)'}</a><br /><small
        >${snippetOf(message)}</small
      >
    </td>
    <td>${time(message.receivedAt)}</td>
  </tr>`
}

export function messagePage(message: Message): string {
  const { id, subject, from, to, cc, bcc, text, headers, attachments, receivedAt } = message
  return page(
    subject || '(no subject)',
    html`<p><a href="/">All e-mails</a></p>
      <h1>${subject || '(no subject)'}</h1>
      <p>${time(receivedAt)}</p>
      <table>
        ${line('From', [from])} ${line('To', to)} ${line('Cc', cc)} ${line('Bcc', bcc)}
      </table>
      ${
        message.html
          ? html`<h2>HTML</h2>
              <iframe sandbox title="The e-mail's HTML" src="/message/${id}/html"></iframe>`
          : html``
      }
      ${
        text
          ? html`<h2>Text</h2>
              <pre>${text}</pre>`
          : html``
      }
      ${
        attachments.length > 0
          ? html`<h2>Attachments</h2>
              ${attachments.map((each, index) => html`<p><a href="/api/v1/message/${id}/part/${index + 1}">${each.filename}</a> ${each.mimeType}, ${each.size} bytes</p>`)}`
          : html``
      }
      <h2>Headers</h2>
      <pre>${headers.map(({ name, value }) => html`${name}: ${value} `)}</pre>
      <p><a href="/api/v1/message/${id}/raw">As it came</a></p>`,
  )
}

export function missingPage(): string {
  return page(
    'Not there',
    html`<h1>Not there</h1>
      <p>It may have been deleted. <a href="/">All e-mails</a></p>`,
  )
}

function line(name: string, addresses: readonly Address[]): Html {
  if (addresses.length === 0) return html``
  const list = addresses.map(({ name: who, address }) => html`${who ? `${who} <${address}>` : address}<br />`)
  return html`<tr>
    <td>${name}</td>
    <td>${list}</td>
  </tr>`
}

function time(iso: string): Html {
  return html`<time datetime="${iso}">${iso.slice(0, 19).replace('T', ' ')} UTC</time>`
}

function page(title: string, body: Html, head: Html = html``): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        ${head}
        <title>${title}</title>
        ${new Html(`<style>${style}</style>`)}
      </head>
      <body>
        <main>${body}</main>
      </body>
    </html>`.text
}
