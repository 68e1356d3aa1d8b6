import { BreakerOpen, createBreaker, type Breaker, type Resources } from '@feira/chassis'
import { WebhookFailure } from './failure.ts'

/** What the deliveries of one partner share. */
interface Lane {
  readonly breaker: Breaker<[post: () => Promise<number>], number>
  inFlight: number
  /** When the last of those that were turned away is to come back, as `performance.now()`. */
  lastReturn: number
}

/** A place among the requests of one partner that are under way; disposing of it makes room. */
export interface Turn extends Disposable {
  /** @throws WebhookFailure when the target fails too often to be asked now; what the request throws. */
  ask(request: () => Promise<number>): Promise<number>
}

/** Keeps the partners apart: whoever is slow or down takes nothing from the others. */
export interface Lanes {
  /** @throws LaneBusy when as many requests as the partner may have are under way, or after `close`. */
  enter(partnerId: string): Turn
  /** Lets nobody in any more. */
  close(): void
}

/** No attempt was made, and none is used up: the chassis puts the message back until its turn comes. */
export class LaneBusy extends BreakerOpen {
  constructor(partnerId: string, wait?: number) {
    super(`webhook ${partnerId}`, wait)
    this.name = 'LaneBusy'
    this.message = `partner ${partnerId} is not told now: as many webhooks as it may have are under way, or the service stops`
  }
}

/** Requests of one partner in one process: with targets that take 50 ms, 200 a second. */
export const laneWidth = 10
/** Of those that find their lane busy another one comes back every so many milliseconds, ... */
const returnInterval = 10
/** ... but not much later than this: their target may have become quicker meanwhile. */
const longestWait = 300_000
/** Partners whose breaker is remembered. */
export const maxLanes = 500

export function createLanes(resources: Pick<Resources, 'metrics' | 'log'>, timeout: number): Lanes {
  // In the order in which they were used last.
  const lanes = new Map<string, Lane>()
  let closed = false
  const laneOf = (partnerId: string): Lane => {
    const lane = lanes.get(partnerId) ?? openLane(partnerId, resources, timeout)
    lanes.delete(partnerId)
    lanes.set(partnerId, lane)
    if (lanes.size > maxLanes) closeOldest(lanes)
    return lane
  }
  return {
    enter(partnerId) {
      if (closed) throw new LaneBusy(partnerId)
      const lane = laneOf(partnerId)
      if (lane.inFlight >= laneWidth) throw new LaneBusy(partnerId, queueUp(lane))
      lane.inFlight++
      return { ask: request => ask(lane, request), [Symbol.dispose]: () => void lane.inFlight-- }
    },
    close() {
      closed = true
      for (const { breaker } of lanes.values()) breaker.close()
    },
  }
}

/**
 * However many wait for a slow target, a hundred of them come back in a second, and do not keep the others from being
 * looked at: a batch of events is one request to the rate limit, and 500 webhooks.
 * @returns the milliseconds that one more is to wait.
 */
function queueUp(lane: Lane): number {
  const now = performance.now()
  lane.lastReturn = Math.min(Math.max(lane.lastReturn, now) + returnInterval, now + longestWait)
  return lane.lastReturn - now
}

async function ask({ breaker }: Lane, request: () => Promise<number>): Promise<number> {
  try {
    return await breaker.call(request)
  } catch (error) {
    // Uses up an attempt, unlike a busy lane: what a dead target is to be told must not go round for ever.
    if (error instanceof BreakerOpen) throw new WebhookFailure('Not sent: the target failed too often a moment ago.')
    throw error
  }
}

/** By partner and not by host: nobody can break a target for others by pointing at it too. */
function openLane(partnerId: string, resources: Pick<Resources, 'metrics' | 'log'>, timeout: number): Lane {
  const isAnswer = (error: unknown) => error instanceof WebhookFailure && error.answered
  // The request ends itself in time.
  const options = { kind: 'webhook', timeout: timeout * 2, isAnswer }
  const post = (request: () => Promise<number>) => request()
  return { breaker: createBreaker(`webhook ${partnerId}`, post, resources, options), inFlight: 0, lastReturn: 0 }
}

function closeOldest(lanes: Map<string, Lane>): void {
  const oldest = [...lanes].find(([, { inFlight }]) => inFlight === 0)
  if (!oldest) return
  lanes.delete(oldest[0])
  oldest[1].breaker.close()
}
