/** So many requests in so many seconds, which begin with the first of them. */
export interface Quota {
  readonly seconds: number
  readonly limit: number
}

/** How far a quota is used. */
export interface Usage extends Quota {
  /** Requests that would still pass. */
  readonly remaining: number
  /** The request that was counted did not fit. */
  readonly exceeded: boolean
  /** Milliseconds until it begins anew. */
  readonly resetMs: number
}

export interface Judgement {
  readonly passes: boolean
  /** Header fields of the answer. */
  readonly fields: Readonly<Record<string, string>>
}

/**
 * What becomes of a request by both of its quotas. The fields are those of
 * https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-ratelimit-headers-06. They tell of the quota that is used up,
 * of both of the one that lasts longer, else of the minute: so after `RateLimit-Reset` seconds a request does pass.
 */
export function judge({ minute, second }: { readonly minute: Usage; readonly second: Usage }): Judgement {
  const passes = !minute.exceeded && !second.exceeded
  const usedUp = [minute, second].filter(({ remaining }) => remaining === 0)
  const told = usedUp.toSorted((one, other) => other.resetMs - one.resetMs)[0] ?? minute
  const reset = String(Math.max(1, Math.ceil(told.resetMs / 1_000)))
  return {
    passes,
    fields: {
      'ratelimit-limit': String(told.limit),
      'ratelimit-remaining': String(told.remaining),
      'ratelimit-reset': reset,
      'ratelimit-policy': `${minute.limit};w=${minute.seconds}, ${second.limit};w=${second.seconds}`,
      ...(passes ? {} : { 'retry-after': reset }),
    },
  }
}
