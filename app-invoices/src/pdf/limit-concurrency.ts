import { rejections } from '@feira/chassis'

/** Runs work, at most so many at a time. */
export type Limited = <Result>(work: () => Promise<Result>) => Promise<Result>

/**
 * At most `slots` run at a time, and at most `waiting` wait for their turn, first come first served.
 * @throws Rejection `overloaded` (503) for those beyond.
 */
export function limitConcurrency(slots: number, waiting: number): Limited {
  const queue: (() => void)[] = []
  let busy = 0
  const enter = async () => {
    if (busy < slots) {
      busy++
      return
    }
    if (queue.length >= waiting) throw rejections.overloaded()
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
