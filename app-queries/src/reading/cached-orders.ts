import { rejections, type Resources } from '@feira/chassis'
import { everything } from '../projecting/evict.ts'
import { unseen } from './unseen.ts'
import { prepareWholeOrder, type TaggedOrder } from './whole-order.ts'

/** What is settled when an order is placed. */
export interface Facts {
  readonly userId: string | null
  readonly productIds: readonly string[]
}

type Reply = Parameters<Resources['cache']['serve']>[0]

/** Reads orders from the cache, under tags of all that they show. */
export interface OrderReader {
  /** `undefined` where the order is not known. */
  facts(id: string): Promise<Facts | undefined>
  /**
   * The order with all that belongs to it.
   * @param minVersion which version it has reached in the database: what the cache knows may be older for a moment.
   * @throws Rejection `order-not-found`
   */
  read(reply: Reply, id: string, facts: Facts, minVersion?: number): Promise<TaggedOrder>
}

export function createOrderReader({ db, query, cache }: Pick<Resources, 'db' | 'query' | 'cache'>): OrderReader {
  const wholeOrder = prepareWholeOrder(db)
  const load = async (id: string) => {
    const order = await wholeOrder(id)
    if (!order) throw rejections.notFound('order', id)
    return order
  }
  const loadFacts = async (id: string) => {
    const { rows } = await query<Facts & Record<string, unknown>>({
      name: 'order-facts',
      text: factsText,
      values: [id],
    })
    return rows[0]
  }
  return {
    // The cache wants to know the tags before it loads; these never change, so they are read once for all versions. That
    // there is none may have been read for somebody else, before the order came for which this caller has waited.
    facts: async id =>
      (await cache.serve(unseen, { key: `facts:${id}`, tags: [everything] }, () => loadFacts(id))) ?? loadFacts(id),
    async read(reply, id, facts, minVersion = 0) {
      const tagged = await cache.serve(reply, { key: `order:${id}`, tags: tagsOf(id, facts) }, () => load(id))
      if (tagged.order.version >= minVersion) return tagged
      reply.header('x-cache', 'MISS')
      return load(id)
    },
  }
}

const factsText = `
  select user_id as "userId", array(select (item ->> 'productId')::uuid from jsonb_array_elements(items) as item)::text[] as "productIds"
  from model.orders where id = $1`

function tagsOf(id: string, { userId, productIds }: Facts): string[] {
  const others = [...(userId === null ? [] : [`user:${userId}`]), ...productIds.map(each => `product:${each}`)]
  return [everything, `order:${id}`, ...others]
}
