import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Waits until `condition` yields something other than `undefined` and `false`; whatever it throws counts as "not yet".
 * @param within milliseconds
 * @throws when the time is over, with what the condition threw last.
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
      failure = error
    }
    if (Date.now() > deadline) throw new Error(`Not within ${within} ms: ${what}`, { cause: failure })
    await sleep(20)
  }
}
