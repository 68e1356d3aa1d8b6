import { fieldsOf, type Contact } from '../ask.ts'

/** What a service says at `/health`. */
export interface Health {
  readonly dependencies: Readonly<Record<string, Dependency>>
}

export interface Dependency {
  readonly status: 'up' | 'down'
  readonly reason?: string
}

/** The health in an answer; undefined when it is none, so that somebody else gave it. */
export function healthIn(contact: Contact): Health | undefined {
  const { status, dependencies } = fieldsOf(contact)
  const isHealth = typeof status === 'string' && typeof dependencies === 'object' && dependencies !== null
  return isHealth ? { dependencies: dependencies as Health['dependencies'] } : undefined
}

/** What is down, by name, with the reason. */
export function faultsOf({ dependencies }: Health): readonly (readonly [string, string])[] {
  return Object.entries(dependencies)
    .filter(([, { status }]) => status === 'down')
    .map(([name, { reason = 'not available' }]) => [name, reason])
}
