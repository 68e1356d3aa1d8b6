/** An attempt that did not deliver; its message is for the partner, so it says nothing of this side's network. */
export class WebhookFailure extends Error {
  readonly httpStatus: number | null
  /** Trying again cannot help. */
  readonly final: boolean
  /** Somebody is there and said something: no sign that the target is down. */
  readonly answered: boolean

  constructor(message: string, details: Partial<Pick<WebhookFailure, 'httpStatus' | 'final' | 'answered'>> = {}) {
    super(message)
    this.name = 'WebhookFailure'
    this.httpStatus = details.httpStatus ?? null
    this.final = details.final ?? false
    this.answered = details.answered ?? false
  }
}

/** The target is nowhere that a webhook may go; said without naming the address. */
export function targetRefused(why: string): WebhookFailure {
  return new WebhookFailure(`Not sent: the URL ${why}.`, { final: true, answered: true })
}

/** What a status other than 2xx means. 410 says that nobody wants to be told any more, so it is the last attempt. */
export function refusalOf(httpStatus: number): WebhookFailure {
  const remark = httpStatus === 410 ? ': gone' : httpStatus < 400 ? ': redirects are not followed' : ''
  const overloaded = httpStatus >= 500 || httpStatus === 408 || httpStatus === 429
  const details = { httpStatus, final: httpStatus === 410, answered: !overloaded }
  return new WebhookFailure(`Answered ${httpStatus}${remark}.`, details)
}

/** What an attempt that got no answer died of, in plain words. */
export function explain(error: unknown, timeout: number): WebhookFailure {
  if (error instanceof WebhookFailure) return error
  const { name, code = name } = error as NodeJS.ErrnoException
  if (isTimeout.test(code) || name === 'TimeoutError') return new WebhookFailure(`No answer within ${timeout} ms.`)
  const [, words] = reasons.find(([pattern]) => pattern.test(code)) ?? [undefined, 'The request failed']
  return new WebhookFailure(`${words} (${code}).`)
}

const isTimeout = /^(ETIMEDOUT|UND_ERR_(CONNECT|HEADERS|BODY)_TIMEOUT)$/
const reasons: readonly (readonly [pattern: RegExp, words: string])[] = [
  [/^ECONNREFUSED$/, 'The connection was refused'],
  [/^(ENOTFOUND|ENODATA|ESERVFAIL|EREFUSED|EAI_|EBADNAME|ETIMEOUT)/, 'The host name leads nowhere'],
  [/^(EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL)$/, 'The host cannot be reached'],
  [/CERT|SIGNATURE|ISSUER|ERR_TLS|SELF_SIGNED/, 'The certificate does not hold'],
  [/^(ERR_SSL|EPROTO)/, 'TLS could not be agreed on'],
  [/^(ECONNRESET|EPIPE|UND_ERR_SOCKET)$/, 'The connection was closed before an answer'],
  [/^(HPE_|HTTPParserError|UND_ERR_HEADERS_OVERFLOW)/, 'The answer is not HTTP that can be read'],
]
