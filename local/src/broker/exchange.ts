import { isDeepStrictEqual } from 'node:util'
import type { Table } from './amqp-codec.ts'

export type ExchangeType = 'direct' | 'fanout' | 'topic' | 'headers'

export interface ExchangeDefinition {
  readonly name: string
  readonly type: ExchangeType
  readonly durable: boolean
  readonly autoDelete: boolean
  readonly internal: boolean
  readonly arguments: Table
}

/** A route from the exchange `source` to a queue or to another exchange. */
export interface Binding {
  readonly source: string
  readonly kind: 'queue' | 'exchange'
  readonly destination: string
  readonly routingKey: string
  readonly arguments: Table
}

const types: readonly string[] = ['direct', 'fanout', 'topic', 'headers'] satisfies ExchangeType[]

export function isExchangeType(type: string): type is ExchangeType {
  return types.includes(type)
}

export function sameBinding(one: Binding, other: Binding): boolean {
  return isDeepStrictEqual(one, other)
}

export class Exchange {
  readonly definition: ExchangeDefinition
  readonly #routes: { readonly binding: Binding; readonly matches: Matcher }[] = []

  constructor(definition: ExchangeDefinition) {
    this.definition = definition
  }

  get bindings(): Binding[] {
    return this.#routes.map(({ binding }) => binding)
  }

  /** @returns false when exactly this binding was there before. */
  bind(binding: Binding): boolean {
    if (this.#routes.some(route => sameBinding(route.binding, binding))) return false
    this.#routes.push({ binding, matches: matcher(this.definition.type, binding) })
    return true
  }

  /** @returns the bindings that `doomed` chose and that are gone now. */
  unbind(doomed: (binding: Binding) => boolean): Binding[] {
    const removed = this.bindings.filter(doomed)
    const kept = this.#routes.filter(({ binding }) => !removed.includes(binding))
    this.#routes.splice(0, this.#routes.length, ...kept)
    return removed
  }

  /** @param headers read only where a binding asks for them, because decoding them costs. */
  *route(routingKey: string, headers: () => Table): Generator<Binding, void, void> {
    const words = this.definition.type === 'topic' ? wordsOf(routingKey) : []
    for (const { binding, matches } of this.#routes) {
      if (matches({ routingKey, words, headers })) yield binding
    }
  }
}

interface Subject {
  readonly routingKey: string
  readonly words: readonly string[]
  readonly headers: () => Table
}

type Matcher = (subject: Subject) => boolean

function matcher(type: ExchangeType, binding: Binding): Matcher {
  switch (type) {
    case 'fanout':
      return () => true
    case 'direct':
      return ({ routingKey }) => routingKey === binding.routingKey
    case 'topic':
      return topicMatcher(binding.routingKey)
    case 'headers':
      return ({ headers }) => headersMatch(binding.arguments, headers())
  }
}

// An empty key has no words, not an empty one.
function wordsOf(key: string): string[] {
  return key === '' ? [] : key.split('.')
}

function topicMatcher(pattern: string): Matcher {
  const parts = wordsOf(pattern)
  if (!parts.includes('#') && !parts.includes('*')) return ({ routingKey }) => routingKey === pattern
  return ({ words }) => topicMatches(parts, words)
}

/**
 * Whether a topic pattern takes a routing key: `*` is one word, `#` any number of words, none included. It follows all
 * readings of the pattern side by side, so that no pattern of many `#` can take exponential time.
 */
export function topicMatches(pattern: readonly string[], words: readonly string[]): boolean {
  let reached = skipHashes(pattern, new Set([0]))
  for (const word of words) {
    const next = new Set<number>()
    for (const at of reached) {
      if (pattern[at] === '#') next.add(at)
      else if (pattern[at] === '*' || pattern[at] === word) next.add(at + 1)
    }
    reached = skipHashes(pattern, next)
  }
  return reached.has(pattern.length)
}

// A set gives back what is added while it is walked, which carries runs of `#`.
function skipHashes(pattern: readonly string[], reached: Set<number>): Set<number> {
  for (const at of reached) if (pattern[at] === '#') reached.add(at + 1)
  return reached
}

function headersMatch(wanted: Table, headers: Table): boolean {
  const pairs = Object.entries(wanted).filter(([name]) => !name.startsWith('x-'))
  const holds = ([name, value]: [string, unknown]) => isDeepStrictEqual(headers[name], value)
  return wanted['x-match'] === 'any' ? pairs.some(holds) : pairs.every(holds)
}
