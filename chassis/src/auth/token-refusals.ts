import { Rejection } from '../rejection.ts'

const realm = 'Bearer realm="feira"'

function refuse(code: string, status: number, error: string, message: string): Rejection {
  // RFC 6750 §3: neither quotation marks nor backslashes, and ASCII only.
  const description = message.replaceAll(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, '')
  const challenge = `${realm}, error="${error}", error_description="${description}"`
  return new Rejection(code, status, message, { headers: { 'www-authenticate': challenge } })
}

/** Why credentials are turned away (RFC 6750 §3). None of them repeats any part of the token. */
export const tokenRefusals = {
  // RFC 6750 §3.1: a request without credentials is told the scheme alone.
  missing: (takesKeys = false) =>
    new Rejection(
      'token-missing',
      401,
      `This needs an access token: send Authorization: Bearer <token>${takesKeys ? ', or X-API-Key: <key>' : ''}.`,
      { headers: { 'www-authenticate': realm } },
    ),
  invalid: (why: string) => refuse('token-invalid', 401, 'invalid_token', `The access token does not count: ${why}.`),
  // No scheme for keys is registered with IANA, so the challenge names what else is taken here.
  keyInvalid: () =>
    new Rejection('key-invalid', 401, 'The API key does not count: it is not known here, or not any more.', {
      headers: { 'www-authenticate': realm },
    }),
  expired: () => refuse('token-expired', 401, 'invalid_token', 'The access token has expired; sign in again.'),
  roleMissing: (allowed: readonly string[]) =>
    refuse('role-missing', 403, 'insufficient_scope', `Only for the role ${allowed.join(' or ')}.`),
  issuerUnavailable: () =>
    new Rejection(
      'issuer-unavailable',
      503,
      'The keys of the token issuer are not known yet and it does not answer; try again shortly.',
      { headers: { 'retry-after': '2' } },
    ),
}
