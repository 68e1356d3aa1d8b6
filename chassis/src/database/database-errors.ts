import { DrizzleQueryError } from 'drizzle-orm/errors'
import { isCertificateRefused } from '../certificates.ts'

/** The PostgreSQL or socket error code of an error; drizzle keeps the driver's error in `cause`. */
export function errorCode(error: unknown): string | undefined {
  for (let current = error; current instanceof Error; current = current.cause) {
    const code = (current as { code?: unknown }).code
    if (typeof code === 'string') return code
  }
  return undefined
}

/** The error without drizzle's wrapping, whose message quotes the statement's values: personal data, secrets. */
export function withoutStatement(error: unknown): unknown {
  return error instanceof DrizzleQueryError && error.cause ? error.cause : error
}

/** The transaction lost a race and may simply be run again (PostgreSQL documentation §13.5). */
export function isConflict(error: unknown): boolean {
  const code = errorCode(error)
  return code === '40001' || code === '40P01'
}

const lostCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'EPROTO',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  '57P01', // admin_shutdown
  '57P02', // crash_shutdown
  '57P03', // cannot_connect_now
  '53300', // too_many_connections
  '55000', // object_not_in_prerequisite_state: the database takes no connections for the time being
  '25P03', // idle_in_transaction_session_timeout
])

// The driver gives these no code.
const lostMessages =
  /^(Connection terminated|Client has encountered a connection error|There was an error establishing an SSL connection|timeout exceeded when trying to connect|timeout expired|Query read timeout|Cannot use a pool after calling end)/

/** PostgreSQL is away, or the connection to it broke: whether the work was done is not known. */
export function isConnectionLost(error: unknown): boolean {
  const code = errorCode(error)
  if (code && (lostCodes.has(code) || /^(08|ERR_SSL_)/.test(code))) return true
  if (isCertificateRefused(error)) return true
  for (let current = error; current instanceof Error; current = current.cause) {
    // FATAL ends the session, whatever the reason (PostgreSQL documentation §20.8.2).
    if (lostMessages.test(current.message) || (current as { severity?: unknown }).severity === 'FATAL') return true
  }
  return false
}

/** The login or the database does not exist: waiting does not help. */
export function isRefusedLogin(error: unknown): boolean {
  const code = errorCode(error)
  return code !== undefined && (code.startsWith('28') || code === '3D000')
}

/** A unique index refused a row. */
export function isUniqueViolation(error: unknown): boolean {
  return errorCode(error) === '23505'
}
