import { setTimeout as sleep } from 'node:timers/promises'
import type { EventStream, Resources } from '@feira/chassis'
import { toEvent } from './event.ts'
import { pageSize, readTimeline, type Feed, type Follower } from './feed.ts'
import type { Topic } from './topic.ts'

interface Parts extends Pick<Resources, 'db'> {
  readonly feed: Feed
  readonly topic: Topic
}

/** One client's way along the timeline. */
export interface Following {
  /** @throws when the database does not answer. */
  join(): Promise<void>
  leave(): void
  /** Sends all that lies after a position, then what happens: no gap, nothing twice. Returns when it has caught up. */
  tell(stream: EventStream, after: number): Promise<void>
}

/** Milliseconds until the database is asked again that did not answer. */
const pause = 1_000

export function followTopic({ db, feed, topic }: Parts): Following {
  let live: EventStream | undefined
  let position = 0
  const follower: Follower = {
    topic,
    hear(event) {
      // Another replica may have told the client more than this one has read.
      if (event.position > position) live?.send(event.text)
    },
  }
  return {
    join: () => feed.join(follower),
    leave: () => feed.leave(follower),
    async tell(stream, after) {
      position = after
      while (!stream.closed && position < feed.position) {
        const upTo = feed.position
        const rows = await readTimeline(db, topic, { after: position, upTo }).catch(() => sleep(pause))
        if (!rows) continue
        for (const row of rows) stream.send(toEvent(row).text)
        position = rows.length < pageSize ? upTo : (rows.at(-1)?.position ?? upTo)
        await stream.drained()
      }
      // In the same turn in which it has caught up, so that the feed tells it what comes next.
      live = stream
    },
  }
}
