import { setTimeout as sleep } from 'node:timers/promises'

/** Thrown by a condition that cannot come true any more. */
export class Hopeless extends Error {
  override readonly name = 'Hopeless'
}

/**
 * Waits until `condition` yields something other than `undefined` and `false`; whatever else
 * than {@link Hopeless} it throws counts as "not yet".
 * @param within milliseconds
 * @throws when the time is over, with what the condition threw last; Hopeless at once.
 */
export async function until<Result>(
  what: string,
  condition: () => Promise<Result | undefined | false> | Result | undefined | false,
  within = 30_000,
): Promise<Result> {
  const deadline = Date.now() + within
  let failure: unknown
  for (;;) {
    try {
      const result = await condition()
      if (result !== undefined && result !== false) return result
      failure = undefined
    } catch (error) {
      if (error instanceof Hopeless) throw error
      failure = error
    }
    if (Date.now() > deadline) throw new Error(`Not within ${within} ms: ${what}`, { cause: failure })
    await sleep(20)
  }
}
