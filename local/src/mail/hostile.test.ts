import { request } from 'node:http'
import { expect, onTestFinished, test } from 'vitest'
import { startMailServer, type MailServer } from './index.ts'
import { mail, sendMail, SmtpClient } from './smtp-client.testing.ts'

async function start(): Promise<MailServer> {
  const server = await startMailServer({ port: 0, httpPort: 0 })
  onTestFinished(() => server.stop())
  return server
}

async function stillWorks(server: MailServer) {
  expect(await sendMail(server.port, mail({ Subject: 'still works' }))).toMatch(/^250 /)
  expect(server.messages[0]?.subject).toBe('still works')
}

const script = `<script>alert(1)</script><img src=x onerror=alert(1)>"'>`

test('what an e-mail says is text on the pages, never markup', async () => {
  const server = await start()
  const evil = mail(
    { Subject: script, From: `"${script.replaceAll('"', '')}" <a@example.com>`, 'X-Evil': script },
    script,
  )
  await sendMail(server.port, evil)
  for (const url of ['/', `/message/${server.messages[0]?.id}`]) {
    const reply = await fetch(server.inboxUrl + url)
    const page = await reply.text()
    expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;')
    expect(page).not.toMatch(/<script|<img/)
    expect(reply.headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'sha256-[^']+'; /)
  }
})

test('the HTML of an e-mail is shown only in a sandbox that loads nothing', async () => {
  const server = await start()
  await sendMail(server.port, mail({ 'Content-Type': 'text/html' }, script))
  const [message] = server.messages
  const page = await (await fetch(`${server.inboxUrl}/message/${message?.id}`)).text()
  expect(page).toContain(`<iframe sandbox title="The e-mail's HTML" src="/message/${message?.id}/html">`)
  const shown = await fetch(`${server.inboxUrl}/message/${message?.id}/html`)
  expect(await shown.text()).toContain('<script>')
  expect(shown.headers.get('content-security-policy')).toMatch(/^sandbox; default-src 'none'; /)
  expect(shown.headers.get('x-content-type-options')).toBe('nosniff')
})

test('an attachment cannot make itself a page, nor end its header', async () => {
  const server = await start()
  const headers = { 'Content-Type': 'text/html; name="a\\"\r\n b.html"', 'Content-Disposition': 'attachment' }
  await sendMail(server.port, mail(headers, script))
  const part = await fetch(`${server.inboxUrl}/api/v1/message/${server.messages[0]?.id}/part/1`)
  expect(part.status).toBe(200)
  expect(part.headers.get('content-type')).toBe('application/octet-stream')
  expect(part.headers.get('content-disposition')).toMatch(/^attachment; filename\*=UTF-8''[\w%.~-]+$/)
})

test("a page under another name cannot read or empty the inbox through the browser's own machine", async () => {
  const server = await start()
  await sendMail(server.port, mail({}))
  for (const method of ['GET', 'DELETE']) {
    const status = await new Promise(resolve => {
      const options = { method, headers: { host: 'evil.example:8025' } }
      request(`${server.inboxUrl}/api/v1/messages`, options, reply => resolve(reply.resume().statusCode)).end()
    })
    expect(status).toBe(403)
  }
  expect(server.messages).toHaveLength(1)
})

test.each([
  '/message/none',
  '/api/v1/message/none',
  '/api/v1/message/../../etc/passwd',
  '/message/%00',
  '/%',
  '/nothing',
])('there is no %s', async url => {
  const server = await start()
  expect((await fetch(server.inboxUrl + url)).status).toBe(404)
})

test.each([
  ['bytes that are no commands', Buffer.from(Array.from({ length: 4_096 }, (_, index) => (index * 7) % 256))],
  ['a line without an end', Buffer.alloc(200_000, 'A')],
  ['a thousand lines of nonsense', 'NONSENSE\r\n'.repeat(1_000)],
])('it survives %s', async (_, bytes) => {
  const server = await start()
  using client = await SmtpClient.to(server.port)
  client.write(bytes)
  expect(await client.reply()).toMatch(/^(5\d\d |421 |$)/)
  await stillWorks(server)
})

test('it survives a sender that goes away in the middle of an e-mail', async () => {
  const server = await start()
  {
    using client = await SmtpClient.to(server.port)
    await client.say('EHLO test')
    await client.say('MAIL FROM:<a@example.com>')
    await client.say('RCPT TO:<b@example.com>')
    await client.say('DATA')
    client.write('Subject: half')
  }
  await stillWorks(server)
  expect(server.messages).toHaveLength(1)
})

test('an e-mail of more than 10 MiB is refused', async () => {
  const server = await start()
  expect(await sendMail(server.port, mail({}, 'x'.repeat(76).concat('\r\n').repeat(140_000)))).toMatch(/^552 /)
  await stillWorks(server)
})

test('parts nested too deeply, and headers without end, are refused', async () => {
  const server = await start()
  const nested = Array.from({ length: 200 }, (_, n) => `Content-Type: multipart/mixed; boundary=b${n}\r\n\r\n--b${n}`)
  expect(await sendMail(server.port, nested.join('\r\n'))).toMatch(/^554 /)
  const endless = Array.from({ length: 20_000 }, (_, n) => `X-${n}: ${'y'.repeat(50)}`).join('\r\n')
  expect(await sendMail(server.port, endless)).toMatch(/^554 /)
  await stillWorks(server)
})

test('more than 100 recipients are refused', async () => {
  const server = await start()
  using client = await SmtpClient.to(server.port)
  await client.say('EHLO test')
  await client.say('MAIL FROM:<a@example.com>')
  for (let n = 0; n < 100; n++) expect(await client.say(`RCPT TO:<r${n}@example.com>`)).toMatch(/^250 /)
  expect(await client.say('RCPT TO:<one-more@example.com>')).toMatch(/^452 /)
})

test('it offers neither a login nor a relay', async () => {
  const server = await start()
  using client = await SmtpClient.to(server.port)
  await client.say('EHLO test')
  for (const command of ['AUTH PLAIN AGEAYQ==', 'STARTTLS', 'VRFY root', 'ETRN example.com']) {
    expect(await client.say(command), command).toMatch(/^(5\d\d|252) /)
  }
})
