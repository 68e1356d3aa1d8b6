/** What was given up while it was still going on, and may go on: nothing that it uses may serve anybody else. */
export class TimeLimitExceeded extends Error {
  constructor(milliseconds: number) {
    super(`not finished within ${milliseconds} ms`)
    this.name = 'TimeLimitExceeded'
  }
}

/**
 * Waits for work at most so long. The work is told by its signal, and not waited for if it does not listen.
 * @param milliseconds the limit.
 * @throws TimeLimitExceeded, or what the work threw.
 */
export async function within<Result>(
  milliseconds: number,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const { promise: exceeded, reject } = Promise.withResolvers<never>()
  const limit = new AbortController()
  const timer = setTimeout(() => {
    const error = new TimeLimitExceeded(milliseconds)
    limit.abort(error)
    reject(error)
  }, milliseconds)
  try {
    return await Promise.race([work(limit.signal), exceeded])
  } finally {
    clearTimeout(timer)
  }
}
