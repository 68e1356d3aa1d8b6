import type { CacheMetrics } from './cache-metrics.ts'
import type { Look, Store } from './store.ts'

/** What becomes of a value on its way through JSON: a `Date` is a string afterwards. */
export type Stored<T> = T extends { toJSON(): infer Text }
  ? Text
  : T extends object
    ? { [K in keyof T]: Stored<T[K]> }
    : T

export interface CacheEntry {
  /** Names everything that the answer depends on, e.g. `products?page=2`; what differs by caller names the caller. */
  readonly key: string
  /** What the answer shows; `tx.invalidate` with any of them evicts it. */
  readonly tags: readonly string[]
}

interface WithHeader {
  header(name: 'x-cache', value: string): unknown
}

/** Answers of this service that are worth keeping for `CACHE_TTL`. */
export interface Cache {
  /**
   * Answers from the cache, or loads, and says which in the header `X-Cache: HIT|MISS`. Requests for the same key that
   * arrive while it loads get the same answer, unless one of its tags was invalidated since the load began. Either way the
   * answer has been through JSON, and what `load` throws is thrown and not kept.
   */
  serve<Body>(reply: WithHeader, entry: CacheEntry, load: () => Promise<Body>): Promise<Stored<Body>>
}

interface Flight {
  readonly version: Look['version']
  readonly json: Promise<string | undefined>
}

/** @param store `undefined` keeps nothing: every answer is loaded. */
export function createCache(store: Store | undefined, metrics: CacheMetrics): Cache {
  const flights = new Map<string, Flight>()

  const fly = ({ key, tags }: CacheEntry, version: Look['version'], load: () => Promise<unknown>): Flight => {
    const flight = { version, json: toJson(load) }
    flights.set(key, flight)
    const land = (json?: string) => {
      if (flights.get(key) === flight) flights.delete(key)
      if (json !== undefined) store?.keep(key, tags, version, json)
    }
    flight.json.then(land, () => land())
    return flight
  }

  const find = async (entry: CacheEntry, load: () => Promise<unknown>) => {
    const look = await store?.look(entry.key, entry.tags)
    if (!look) return { found: 'MISS', json: await toJson(load) } as const
    if (look.value !== undefined) return { found: 'HIT', json: look.value } as const
    const flying = flights.get(entry.key)
    const flight = flying?.version === look.version ? flying : fly(entry, look.version, load)
    return { found: 'MISS', json: await flight.json } as const
  }

  return {
    async serve<Body>(reply: WithHeader, entry: CacheEntry, load: () => Promise<Body>) {
      const { found, json } = await find(entry, load)
      metrics.answered(found)
      reply.header('x-cache', found)
      return (json === undefined ? undefined : JSON.parse(json)) as Stored<Body>
    },
  }
}

// JSON has no word for `undefined`.
async function toJson(load: () => Promise<unknown>): Promise<string | undefined> {
  const json: string | undefined = JSON.stringify(await load())
  return json
}
