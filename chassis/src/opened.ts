import { placeholder } from './placeholder.ts'
import type { Resources } from './service.ts'

type OfService = Pick<Resources, 'config'>

/** What one of a service's `startup` opens for its routes and consumers, one for each running service. */
export interface Opened<Value> {
  set(resources: OfService, value: Value): void
  /** @throws when nothing was opened: the startup is missing in `service.ts`. */
  of(resources: OfService): Value
}

const described = new WeakSet<object>()

/** For a service that is only described: whatever its startup would have opened is a placeholder. */
export function openNothing({ config }: OfService): void {
  described.add(config)
}

/** @param startup the name of what opens it, for whoever forgot it. */
export function openedBy<Value>(startup: string): Opened<Value> {
  const values = new WeakMap<object, Value>()
  return {
    set: ({ config }, value) => void values.set(config, value),
    of({ config }) {
      if (described.has(config)) return placeholder as Value
      const value = values.get(config)
      if (value === undefined) throw new Error(`${startup} is not among the startup of this service.`)
      return value
    },
  }
}
