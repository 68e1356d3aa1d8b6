/** What nodemailer says of a sending that failed. */
export interface SmtpError {
  readonly code?: string | undefined
  /** The SMTP command that failed; `CONN` for whatever befell the connection. */
  readonly command?: string | undefined
  /** The server's reply code, if it replied. */
  readonly responseCode?: number | undefined
  readonly syscall?: string | undefined
  readonly timeoutType?: string | undefined
  readonly message: string
}

export type SmtpFailure =
  /** The server cannot be used now, by no message; this one was certainly not taken. */
  | 'away'
  /** This message will never be taken. */
  | 'refused'
  /** This message was not taken now; it may be later. */
  | 'deferred'
  /** The connection was lost, perhaps after the message was taken. */
  | 'unknown'

/** What a failure means for the message: reply codes as in RFC 5321 §4.2.1. */
export function judgeSmtpError(error: SmtpError): SmtpFailure {
  const { command = '', responseCode } = error
  if (responseCode === 421) return 'away'
  if (isBeforeAnyMessage(error)) return 'away'
  if (command === 'RCPT TO' || command === 'DATA') return isPermanent(responseCode) ? 'refused' : 'deferred'
  // Who the sender may be is for the operator to put right; the message itself has nothing wrong.
  if (command === 'MAIL FROM') return 'deferred'
  if (error.code === 'EENVELOPE') return 'refused'
  return 'unknown'
}

function isBeforeAnyMessage({ code = '', command = '', syscall, timeoutType, message }: SmtpError): boolean {
  if (syscall === 'connect' || ['EDNS', 'ETLS', 'EAUTH', 'ENOAUTH', 'EOAUTH2'].includes(code)) return true
  if (timeoutType === 'CONNECT_TIMEOUT' || timeoutType === 'GREETING_TIMEOUT') return true
  if (/^(EHLO|HELO|LHLO|STARTTLS|AUTH)/.test(command)) return true
  // nodemailer's own words for a server that hangs up, or says no, before it has greeted; and for a pool that was closed.
  return /^(Reached maximum number of retries|Invalid greeting|Connection pool was closed)/.test(message)
}

function isPermanent(responseCode: number | undefined): boolean {
  // 503 says that the session got out of step, not that the message is bad.
  return responseCode !== undefined && responseCode >= 500 && responseCode !== 503
}
