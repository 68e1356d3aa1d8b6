/**
 * Stands for what a service that is only described has not: a database, a cache, what its startup opens. Whatever is taken
 * from it, or answered by it, is itself; so routes can be registered with it, but not called.
 */
export const placeholder: object = new Proxy(() => placeholder, {
  // Nobody awaits it, and nothing of it is a text: `then` and the conversions are not there.
  get: (_target, key) => (key === 'then' || typeof key === 'symbol' ? undefined : placeholder),
  apply: () => placeholder,
})

/** `known`, and placeholders for all that it lacks. */
export function withPlaceholders<Whole extends object>(known: Partial<Whole>): Whole {
  return new Proxy(known, {
    get: (target, key) => (Reflect.has(target, key) ? Reflect.get(target, key) : placeholder) as unknown,
  }) as Whole
}
