import type { Resources } from '@feira/chassis'
import { and, asc, gt, lte, max } from 'drizzle-orm'
import { timeline } from '../schema.ts'
import { toEvent, type TimelineEvent } from './event.ts'
import { everything, topicsOf, type Topic } from './topic.ts'

/** Somebody who follows a part of the timeline. */
export interface Follower {
  readonly topic: Topic
  /** Called with each event of the topic, in the order of positions; never throws. */
  hear(event: TimelineEvent): void
}

/**
 * The one reader of the timeline in this process: when it has grown, it is read once, and told to all who follow it.
 * Positions are in the order of commits, so whoever has read up to `position` and follows from there misses nothing.
 */
export interface Feed {
  /** All up to here has been told. */
  readonly position: number
  /** @throws when the database does not answer, and the follower has not joined. */
  join(follower: Follower): Promise<void>
  leave(follower: Follower): void
  /** The timeline may have grown. */
  wake(): void
}

/** How many rows are read at once. */
export const pageSize = 500
/** Milliseconds between two looks at the timeline, should a notice be lost. */
const interval = 1_000

export function createFeed({ db, log }: Pick<Resources, 'db' | 'log'>): Feed {
  const followers = new Map<string, Set<Follower>>()
  let position = 0
  let starting: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined
  let reading = false
  let grown = false
  let away = false

  // While nobody follows, nobody keeps up.
  const start = async () => {
    position = Math.max(position, await newestPosition(db))
    clearInterval(timer)
    if (followers.size > 0) timer = setInterval(() => feed.wake(), interval).unref()
  }
  const tell = (row: typeof timeline.$inferSelect) => {
    const event = toEvent(row)
    position = Math.max(position, row.position)
    for (const topic of topicsOf(row)) for (const follower of followers.get(topic) ?? []) follower.hear(event)
  }
  const tellNew = async () => {
    while (grown && followers.size > 0) {
      grown = false
      const rows = await readTimeline(db, everything, { after: position })
      rows.forEach(tell)
      grown ||= rows.length === pageSize
    }
  }
  const catchUp = async () => {
    reading = true
    try {
      await tellNew()
      away = false
    } catch (error) {
      // Whoever follows is told at the next look.
      if (!away) log.warn({ err: error }, 'the timeline cannot be read')
      away = true
    } finally {
      reading = false
    }
  }

  const feed: Feed = {
    get position() {
      return position
    },
    async join(follower) {
      const { name } = follower.topic
      followers.set(name, (followers.get(name) ?? new Set()).add(follower))
      try {
        await (starting ??= start())
      } catch (error) {
        feed.leave(follower)
        throw error
      }
    },
    leave(follower) {
      const { name } = follower.topic
      const others = followers.get(name)
      others?.delete(follower)
      if (others?.size === 0) followers.delete(name)
      if (followers.size > 0) return
      clearInterval(timer)
      timer = undefined
      starting = undefined
    },
    wake() {
      grown = true
      if (timer !== undefined && !reading) void catchUp()
    },
  }
  return feed
}

/** Where the timeline ends; 0 where there is none. */
export async function newestPosition(db: Resources['db']): Promise<number> {
  const [row] = await db.select({ newest: max(timeline.position) }).from(timeline)
  return row?.newest ?? 0
}

/** Reads a page of a topic, of what lies after a position and not beyond another. */
export async function readTimeline(
  db: Resources['db'],
  topic: Topic,
  { after, upTo }: { readonly after: number; readonly upTo?: number },
) {
  const within = and(gt(timeline.position, after), upTo === undefined ? undefined : lte(timeline.position, upTo))
  return db.select().from(timeline).where(and(topic.condition, within)).orderBy(asc(timeline.position)).limit(pageSize)
}
