import { expect, test } from 'vitest'
import { webhookUrl } from './webhook-url.ts'

const production = webhookUrl({ NODE_ENV: 'production', WEBHOOK_PRIVATE_TARGETS: false })
const development = webhookUrl({ NODE_ENV: 'development', WEBHOOK_PRIVATE_TARGETS: true })

function complaint(url: string, schema = production): string | undefined {
  return schema.safeParse(url).error?.issues[0]?.message
}

test.each([
  'https://api.partner.example/webhooks?from=feira',
  'https://api.partner.example:8443/',
  'https://partner.example./',
  'https://münchen.example/',
  'https://8.8.8.8/',
  'https://[2606:4700::1111]/',
])('%s is taken in production', url => {
  expect(complaint(url)).toBeUndefined()
})

test.each([
  [
    'this machine',
    ['127.0.0.1', '127.1', '0x7f.1', '0x7f000001', '2130706433', '017700000001', '0', '0.0.0.0', '[::1]'],
  ],
  ['this machine in other digits', ['①②⑦.0.0.1', '１２７.0.0.1', '127。0。0。1', '127.0.0.1.']],
  ['private networks', ['10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', '[fd00::1]', '[fec0::1]']],
  ['the metadata of clouds', ['169.254.169.254', '[fe80::1]', '[fd00:ec2::254]', 'metadata.google.internal']],
  ['carrier-grade NAT', ['100.64.0.1', '100.127.255.255']],
  ['groups and broadcasts', ['224.0.0.1', '239.255.255.255', '255.255.255.255', '[ff02::1]']],
  ['reserved ranges', ['192.0.0.8', '192.0.2.1', '198.18.0.1', '240.0.0.1', '[2001:db8::1]', '[::]', '[4000::1]']],
  ['IPv4 inside IPv6', ['[::ffff:127.0.0.1]', '[::ffff:8.8.8.8]', '[::127.0.0.1]', '[::ffff:0:7f00:1]']],
  ['IPv4 behind tunnels', ['[64:ff9b::7f00:1]', '[64:ff9b:1::a00:1]', '[2002:7f00:1::]', '[2001::1]']],
  ['names of this machine', ['localhost', 'LOCALHOST', 'localhost.', 'ｌocalhost', 'api.localhost', 'feira.local']],
  ['names without a domain', ['app-users', 'rabbitmq', 'app-users.']],
])('no target is %s', (_what, hosts) => {
  for (const host of hosts) {
    expect(complaint(`https://${host}/`), host).toBe('must be on a public host')
    expect(complaint(`https://${host}/`, development), host).toBeUndefined()
  }
})

test.each([
  ['http://api.partner.example/', 'must begin with https://'],
  ['file:///etc/passwd', 'must begin with https://'],
  ['https://user:secret@api.partner.example/', 'must not contain credentials'],
  ['https://user@api.partner.example/', 'must not contain credentials'],
  ['https://api.partner.example:25/', 'must use the usual port, or one from 1024'],
  ['https://api.partner.example:22/', 'must use the usual port, or one from 1024'],
  [' https://api.partner.example/', 'must be a URL'],
  ['https://api.partner\n.example/', 'must be a URL'],
  ['https:\\\\127.0.0.1\\', 'must be a URL'],
  ['https://999.999.999.999/', 'must be a URL'],
  ['api.partner.example', 'must be a URL'],
  ['', 'must be a URL'],
])('%j %s', (url, expected) => {
  expect(complaint(url)).toBe(expected)
})

test('development takes http, but no other protocol', () => {
  expect(complaint('http://localhost:4000/hook', development)).toBeUndefined()
  expect(complaint('ftp://localhost:4000/hook', development)).toBe('must begin with https:// or http://')
})

test('a URL has at most 2,048 characters', () => {
  const base = 'https://api.partner.example/'
  expect(complaint(base.padEnd(2_048, 'x'))).toBeUndefined()
  expect(complaint(base.padEnd(2_049, 'x'))).toBeDefined()
})
