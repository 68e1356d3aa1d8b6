import type { PortNeed } from '../ports.ts'
import type { Contact } from '../ask.ts'
import type { Sample } from './samples.ts'

/** How the system runs, which decides what to do about its troubles; `unknown` as long as its gateway does not answer. */
export type Mode = 'local' | 'compose' | 'elsewhere' | 'unknown'

/** All that was gathered about a system, without a judgement. */
export interface Facts {
  readonly mode: Mode
  readonly gateway: Contact
  readonly services: readonly ServiceFacts[]
  readonly signIn: SignIn
  /** The issuer's public keys, through the gateway. */
  readonly keys: Contact
  /** `GET /q/rebuild`; undefined without a token. */
  readonly rebuild: Contact | undefined
  /** Orders that have been pending for a minute, one at most; undefined without a token. */
  readonly stuckOrders: Contact | undefined
  readonly traces: TraceFacts
  /** Undefined when the system runs on another machine. */
  readonly machine: MachineFacts | undefined
}

export interface ServiceFacts {
  readonly name: string
  /** Its own address, not the gateway's. */
  readonly url: string
  /** The variable that tells its port, e.g. `ORDERS_PORT`. */
  readonly portVariable: string
  /** The types of message that its queues are bound to. */
  readonly takes: readonly string[]
  readonly health: Contact
  /** Its health as the gateway passes it on. */
  readonly routed: Contact
  /** Undefined when they could not be read. */
  readonly metrics: readonly Sample[] | undefined
  /** `GET /ops/dead-letters`, also where there was no token for it. */
  readonly deadLetters: Contact
}

export type SignIn =
  | { readonly outcome: 'signed-in' | 'token-given'; readonly token: string }
  | { readonly outcome: 'failed'; readonly reason: string }
  /** The development account is not tried on other machines. */
  | { readonly outcome: 'not-tried' }

export interface TraceFacts {
  /** Where Jaeger would be. */
  readonly jaegerUrl: string
  /** The services that said that they record the trace. */
  readonly recording: readonly string[]
  /** Those whose part of it Jaeger has; undefined when Jaeger was not asked or did not answer. */
  readonly arrived: readonly string[] | undefined
}

export interface MachineFacts {
  /** Of Node, e.g. `24.21.0`. */
  readonly nodeVersion: string
  readonly dataDirectory: DataDirectory
  /** What `npm start` would find taken; looked for only while nothing runs. */
  readonly takenPorts: readonly PortNeed[]
}

export interface DataDirectory {
  readonly path: string
  readonly state: 'usable' | 'absent' | 'not-a-directory' | 'not-writable'
  /** On its file system, in bytes. */
  readonly free: number
  /** The major version of PostgreSQL that wrote it, and the one that npm installed; undefined where there is none. */
  readonly writtenBy: string | undefined
  readonly embedded: string | undefined
}
