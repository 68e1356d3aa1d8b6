import { expect, test } from 'vitest'
import { explain, refusalOf } from './failure.ts'

const failing = (code: string) => explain(Object.assign(new Error('connect 10.1.2.3:5432'), { code }), 10_000).message

test.each([
  ['ECONNREFUSED', 'The connection was refused (ECONNREFUSED).'],
  ['ENOTFOUND', 'The host name leads nowhere (ENOTFOUND).'],
  ['ETIMEOUT', 'The host name leads nowhere (ETIMEOUT).'],
  ['EHOSTUNREACH', 'The host cannot be reached (EHOSTUNREACH).'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'The certificate does not hold (DEPTH_ZERO_SELF_SIGNED_CERT).'],
  ['CERT_HAS_EXPIRED', 'The certificate does not hold (CERT_HAS_EXPIRED).'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'The certificate does not hold (ERR_TLS_CERT_ALTNAME_INVALID).'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'TLS could not be agreed on (ERR_SSL_WRONG_VERSION_NUMBER).'],
  ['UND_ERR_SOCKET', 'The connection was closed before an answer (UND_ERR_SOCKET).'],
  ['HPE_INVALID_CONSTANT', 'The answer is not HTTP that can be read (HPE_INVALID_CONSTANT).'],
  ['ETIMEDOUT', 'No answer within 10000 ms.'],
  ['UND_ERR_CONNECT_TIMEOUT', 'No answer within 10000 ms.'],
  ['ESOMETHING', 'The request failed (ESOMETHING).'],
])('%s is said in plain words, without an address', (code, words) => {
  expect(failing(code)).toBe(words)
})

test.each([
  [302, { final: false, answered: true }],
  [404, { final: false, answered: true }],
  [408, { final: false, answered: false }],
  [410, { final: true, answered: true }],
  [429, { final: false, answered: false }],
  [500, { final: false, answered: false }],
])('%i is tried again unless it is final, and tells whether the target is up', (status, expected) => {
  expect(refusalOf(status)).toMatchObject({ httpStatus: status, ...expected })
})
