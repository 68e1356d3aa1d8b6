import { Rejection, rejections } from '@feira/chassis'

export interface SeatLimits {
  readonly perCaller: number
  readonly total: number
}

/** How many streams there may be in one process. */
export interface Seats {
  /**
   * @returns a function that gives the seat back, to be called once.
   * @throws Rejection `too-many-streams` (429) when the caller has as many as one may have, `overloaded` (503) when all
   * together are too many.
   */
  take(callerId: string): () => void
}

export function createSeats({ perCaller, total }: SeatLimits): Seats {
  const taken = new Map<string, number>()
  let sum = 0
  const change = (callerId: string, by: number) => {
    const count = (taken.get(callerId) ?? 0) + by
    if (count > 0) taken.set(callerId, count)
    else taken.delete(callerId)
    sum += by
  }
  return {
    take(callerId) {
      if ((taken.get(callerId) ?? 0) >= perCaller) throw tooManyStreams(perCaller)
      if (sum >= total) throw rejections.overloaded(5)
      change(callerId, 1)
      return () => change(callerId, -1)
    },
  }
}

function tooManyStreams(limit: number): Rejection {
  const message = `You follow ${limit} streams already; end one before you begin another.`
  return new Rejection('too-many-streams', 429, message, { headers: { 'retry-after': '5' } })
}
