import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { startMailServer, type MailServerOptions } from './index.ts'
import { mail, sendMail, SmtpClient } from './smtp-client.testing.ts'

async function start(options: Partial<MailServerOptions> = {}) {
  const server = await startMailServer({ port: 0, httpPort: 0, ...options })
  onTestFinished(() => server.stop())
  return server
}

async function folder(): Promise<string> {
  const name = await mkdtemp(path.join(tmpdir(), 'feira-mail-'))
  onTestFinished(() => rm(name, { recursive: true }))
  return name
}

const withPdf = mail(
  {
    To: '"Ana, Souza" <ana@example.com>, bob@example.com',
    Cc: 'carl@example.com',
    Subject: '=?utf-8?Q?Ol=C3=A1?=',
    'Message-ID': '<n1@feira>',
    Date: 'Sat, 21 Nov 2026 10:00:00 -0300',
    'MIME-Version': '1.0',
    'Content-Type': 'multipart/mixed; boundary=b',
  },
  [
    '--b\r\nContent-Type: multipart/alternative; boundary=c\r\n',
    '--c\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nPedido recebido ✓',
    '--c\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>Pedido <b>recebido</b></p>',
    '--c--',
    '--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename="fatura.pdf"\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERi0xLjc=',
    '--b--',
  ].join('\r\n'),
)

test('an e-mail is taken, read, and found over the API', async () => {
  const server = await start()
  expect(await sendMail(server.port, withPdf, ['ana@example.com', 'bob@example.com', 'dora@example.com'])).toMatch(
    /^250 /,
  )
  const list = (await (await fetch(`${server.inboxUrl}/api/v1/messages`)).json()) as { messages: { ID: string }[] }
  expect(list).toMatchObject({
    total: 1,
    messages_count: 1,
    messages: [
      {
        MessageID: 'n1@feira',
        From: { Name: 'Shop', Address: 'shop@example.com' },
        To: [
          { Name: 'Ana, Souza', Address: 'ana@example.com' },
          { Name: '', Address: 'bob@example.com' },
        ],
        Cc: [{ Name: '', Address: 'carl@example.com' }],
        Bcc: [{ Name: '', Address: 'dora@example.com' }],
        Subject: 'Olá',
        Snippet: 'Pedido recebido ✓',
        Attachments: 1,
      },
    ],
  })
  const url = `${server.inboxUrl}/api/v1/message/${list.messages[0]?.ID}`
  expect(await (await fetch(url)).json()).toMatchObject({
    Date: '2026-11-21T13:00:00.000Z',
    HTML: expect.stringContaining('<b>recebido</b>'),
    Attachments: [{ PartID: '1', FileName: 'fatura.pdf', ContentType: 'application/pdf', Size: 8 }],
  })
  const part = await fetch(`${url}/part/1`)
  expect(part.headers.get('content-disposition')).toBe(`attachment; filename*=UTF-8''fatura.pdf`)
  expect(await part.text()).toBe('%PDF-1.7')
  expect(await (await fetch(`${url}/headers`)).json()).toMatchObject({ 'Message-ID': ['<n1@feira>'] })
  expect(Buffer.from(await (await fetch(`${url}/raw`)).arrayBuffer()).toString()).toContain('Pedido recebido ✓')
})

test('the list has the newest first, in pages, and can be emptied', async () => {
  const server = await start({ maxMessages: 3 })
  for (const Subject of ['1', '2', '3', '4']) await sendMail(server.port, mail({ Subject }))
  const page = await (await fetch(`${server.inboxUrl}/api/v1/messages?start=1&limit=1`)).json()
  expect(page).toMatchObject({ total: 3, count: 1, start: 1, messages: [{ Subject: '3' }] })
  expect(server.messages.map(({ subject }) => subject)).toEqual(['4', '3', '2'])
  expect((await fetch(`${server.inboxUrl}/api/v1/messages`, { method: 'DELETE' })).status).toBe(200)
  expect(server.messages).toEqual([])
})

test('a restart on the same ports keeps the e-mails, however the last one ended', async () => {
  const dataDirectory = await folder()
  const first = await start({ dataDirectory, maxMessages: 2 })
  for (const Subject of ['1', '2', '3', '4', '5', '6']) await sendMail(first.port, mail({ Subject }))
  await first.stop()
  await appendFile(path.join(dataDirectory, 'messages.jsonl'), '{"id":"half a li')
  const second = await start({ dataDirectory, maxMessages: 2, port: first.port, httpPort: first.httpPort })
  expect(second.messages.map(({ subject }) => subject)).toEqual(['6', '5'])
  await sendMail(second.port, mail({ Subject: '7' }))
  await second.stop()
  const lines = (await readFile(path.join(dataDirectory, 'messages.jsonl'), 'utf8')).trim().split('\n')
  expect(lines.map(line => (JSON.parse(line) as { subject: string }).subject)).toEqual(['5', '6', '7'])
})

test('a port that is taken is an error that names it, and leaves nothing open', async () => {
  const server = await start()
  const starting = startMailServer({ port: 0, httpPort: server.httpPort })
  await expect(starting).rejects.toMatchObject({ code: 'EADDRINUSE', port: server.httpPort })
  await expect(startMailServer({ port: server.port, httpPort: 0 })).rejects.toMatchObject({ code: 'EADDRINUSE' })
})

test('told to, it refuses, and takes e-mails again', async () => {
  const server = await start()
  server.answer(451)
  expect(await sendMail(server.port, mail({}))).toMatch(/^451 /)
  server.answer('accept')
  expect(await sendMail(server.port, mail({}))).toMatch(/^250 /)
  expect(server.messages).toHaveLength(1)
})

test('told to hang, it takes the e-mail and says nothing; stopping ends even that', async () => {
  const server = await start()
  server.answer('hang')
  using client = await SmtpClient.to(server.port)
  let reply: string | undefined
  const sending = client.send(mail({})).then(text => (reply = text))
  // Another conversation is answered meanwhile, so the server is alive.
  using other = await SmtpClient.to(server.port)
  expect(await other.say('NOOP')).toMatch(/^250 /)
  expect(reply).toBeUndefined()
  await server.stop()
  expect(await sending).toMatch(/^(421 |$)/)
  expect(server.messages).toEqual([])
})

test('both ports listen on this machine alone', async () => {
  const server = await start()
  const [other] = Object.values(networkInterfaces())
    .flat()
    .filter(each => each?.family === 'IPv4' && !each.internal)
  if (!other) return
  for (const port of [server.port, server.httpPort]) {
    const refused = await new Promise<unknown>(resolve => {
      connect(port, other.address)
        .on('error', resolve)
        .on('connect', () => resolve('connected'))
    })
    expect(refused).toMatchObject({ code: 'ECONNREFUSED' })
  }
})
