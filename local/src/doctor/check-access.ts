import { logOf } from './advice.ts'
import { describeSilence, fieldsOf } from '../ask.ts'
import type { Facts, Mode, ServiceFacts, SignIn } from './facts.ts'
import { ok, trouble, type Finding } from './finding.ts'

/** Whether tokens are issued, and accepted by every service. */
export function checkTokens(facts: Facts): Finding[] {
  if (!facts.gateway.answered) return []
  const findings = [
    ...checkKeys(facts),
    ...checkSignIn(facts.signIn),
    ...facts.services.flatMap(service => checkAcceptance(facts, service)),
  ]
  return findings.length > 0 ? findings : [ok('tokens', `are issued, and accepted by ${acceptingOf(facts.services)}`)]
}

function acceptingOf(services: readonly ServiceFacts[]): string {
  const accepting = services.filter(({ deadLetters }) => deadLetters.answered && deadLetters.status === 200)
  if (accepting.length === services.length) return 'every service'
  return `${accepting.length} of ${services.length} services; the others could not be asked`
}

function checkKeys({ keys, mode }: Facts): Finding[] {
  const { code, keys: set } = fieldsOf(keys)
  if (Array.isArray(set) && set.length > 0) return []
  // app-users says whose business it is when it does not issue tokens itself.
  if (code === 'foreign-issuer') return []
  const what = keys.answered ? `answered ${keys.status}` : describeSilence(keys)
  const says = `the public keys of the issuer cannot be read at ${keys.url}: ${what}`
  const remedy = `services go on with the keys they know, but nobody can sign in: see app-users, ${logOf(mode, 'users')}`
  return [trouble('wrong', 'tokens', says, remedy)]
}

function checkSignIn(signIn: SignIn): Finding[] {
  const remedy = "give an admin's access token in FEIRA_TOKEN or by --token"
  if (signIn.outcome === 'failed')
    return [trouble('unknown', 'tokens', `no admin could be signed in: ${signIn.reason}`, remedy)]
  if (signIn.outcome === 'not-tried')
    return [trouble('unknown', 'tokens', 'the development admin is not tried on other machines', remedy)]
  return []
}

function checkAcceptance({ mode, signIn }: Facts, { name, url, deadLetters: reply }: ServiceFacts): Finding[] {
  if (!('token' in signIn) || !reply.answered || reply.status < 400) return []
  const { code } = fieldsOf(reply)
  const refused = refusals(mode, name, url)[String(code)]
  return refused ? [trouble('wrong', 'tokens', ...refused)] : []
}

function refusals(mode: Mode, name: string, url: string): Readonly<Record<string, readonly [string, string]>> {
  return {
    'issuer-unavailable': [
      `app-${name} knows no key of the issuer, so nobody gets in`,
      `see that AUTH_JWKS_URL of app-${name} leads to app-users or your issuer: ${logOf(mode, name)}`,
    ],
    'token-invalid': [
      `app-${name} at ${url} does not accept a token of this gateway`,
      `it belongs to another system (see its port), or AUTH_ISSUER, AUTH_JWKS_URL or AUTH_AUDIENCE differ`,
    ],
    'token-expired': [
      `app-${name} says that the token is over`,
      'take a fresh one; if it is fresh, compare the clocks of the machines',
    ],
    'role-missing': [
      `app-${name} does not take the token for an admin's`,
      "give an admin's token; see AUTH_ROLES_CLAIM",
    ],
  }
}
