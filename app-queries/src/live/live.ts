import {
  callerOf,
  Gauge,
  listen,
  openedBy,
  openEventStream,
  rejections,
  type EventStream,
  type FastifyReply,
  type FastifyRequest,
  type Resources,
  type Startup,
} from '@feira/chassis'
import type { Config } from '../config.ts'
import { timelineChannel } from '../projecting/timeline.ts'
import { createFeed, newestPosition, type Feed } from './feed.ts'
import { followTopic } from './follow-topic.ts'
import { createSeats } from './seats.ts'
import type { Topic } from './topic.ts'

/** The streams of timelines that this process answers with. */
export interface Live {
  readonly feed: Feed
  /**
   * Gives a request its place among those who follow, until it is over.
   * @throws Rejection `too-many-streams`, or `overloaded`.
   */
  admit(request: FastifyRequest, reply: FastifyReply): void
  /**
   * Answers with a stream of what happens in a topic, until the client leaves, its token expires or the service stops.
   * @param after the position after which to begin; undefined to begin now.
   * @throws Rejection `invalid-request` for a position that there never was, `overloaded` when the service stops.
   */
  follow(request: FastifyRequest, reply: FastifyReply, topic: Topic, after: number | undefined): Promise<FastifyReply>
}

const limits = { perCaller: 10, total: 1_000 }

const opened = openedBy<Live>('openLive')

/** Gets ready for streams, which end when the service begins to stop: their clients connect again elsewhere. */
export const openLive: Startup<Config> = async resources => {
  const { config, log } = resources
  const { live, stop } = createLive(resources)
  opened.set(resources, live)
  const stopListening = listen({ config, channel: timelineChannel, log, onNotice: () => live.feed.wake() })
  return async () => {
    stop()
    await stopListening()
  }
}

/** The streams of a running service. */
export const liveOf = opened.of

function createLive({ db, log, config, metrics }: Resources<Config>): { readonly live: Live; stop(): void } {
  const feed = createFeed({ db, log })
  const seats = createSeats(limits)
  const streams = new Set<EventStream>()
  let stopping = false
  countStreams(metrics, streams)

  const live: Live = {
    feed,
    admit(request, reply) {
      whenOver(reply, seats.take(callerOf(request).id))
    },
    async follow(request, reply, topic, after) {
      const following = followTopic({ db, feed, topic })
      await following.join()
      whenOver(reply, following.leave)
      if (after !== undefined) await requireKnown(after)
      if (stopping) throw rejections.overloaded()
      if (isOver(reply)) return reply.hijack()
      const stream = openEventStream(reply, { heartbeat: config.SSE_HEARTBEAT, until: expiryOf(request) })
      streams.add(stream)
      whenOver(reply, () => streams.delete(stream))
      const start = after ?? feed.position
      // An id without data: who loses the connection before anything has happened can come back to here.
      stream.send(`id: ${start}\n\n`)
      void following.tell(stream, start)
      return reply
    },
  }
  const requireKnown = async (after: number) => {
    if (after <= feed.position || after <= (await newestPosition(db))) return
    throw rejections.invalid([
      { in: 'header', field: 'last-event-id', message: 'is the id of no event that there was' },
    ])
  }
  const stop = () => {
    stopping = true
    for (const stream of streams) stream.end()
  }
  return { live, stop }
}

/** The moment at which the caller's token expires, in milliseconds since 1970. */
function expiryOf(request: FastifyRequest): number {
  return Number(callerOf(request).claims['exp']) * 1_000
}

function isOver({ raw }: FastifyReply): boolean {
  return raw.destroyed || raw.closed
}

// Also comes when the client has left early, or is refused.
function whenOver(reply: FastifyReply, end: () => void): void {
  if (isOver(reply)) end()
  else reply.raw.once('close', end)
}

function countStreams(registry: Resources['metrics'], streams: ReadonlySet<EventStream>): void {
  const gauge: Gauge = new Gauge({
    name: 'timeline_streams',
    help: 'Clients that follow a timeline.',
    registers: [registry],
    collect: () => gauge.set(streams.size),
  })
}
