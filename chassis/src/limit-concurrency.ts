import { rejections } from './rejection.ts'

/** Runs work when its turn comes. */
export type Limited = <Result>(work: () => Promise<Result>) => Promise<Result>

/**
 * For work that keeps the processor busy: at most `slots` run at a time, and at most `waiting` wait for their turn, first
 * come first served.
 * @param retryAfter seconds that those beyond are told to wait before they ask again.
 * @throws Rejection `overloaded` (503) for those beyond; what the work throws.
 */
export function limitConcurrency(slots: number, waiting: number, retryAfter = 1): Limited {
  const queue: (() => void)[] = []
  let busy = 0
  const enter = async () => {
    if (busy < slots) {
      busy++
      return
    }
    if (queue.length >= waiting) throw rejections.overloaded(retryAfter)
    await new Promise<void>(resolve => queue.push(resolve))
  }
  // Whoever leaves hands the slot on, so that nobody slips in between.
  const leave = () => {
    const next = queue.shift()
    if (next) next()
    else busy--
  }
  return async work => {
    await enter()
    try {
      return await work()
    } finally {
      leave()
    }
  }
}
