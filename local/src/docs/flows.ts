import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import type { Message } from '@feira/contracts'
import { catalogue } from '@feira/contracts/catalogue'
import { root } from '../infra.ts'
import { services } from '../services.ts'

/** A queue that takes a message. */
export interface Reader {
  readonly service: string
  /** `<service>.<consumer>`, without namespace. */
  readonly queue: string
  /** False when the queue takes only what is sent to it by name. */
  readonly bound: boolean
}

/** One message type, who publishes it and who reads it. */
export interface Flow {
  readonly message: Message
  /** Services that publish it on the exchange. */
  readonly publishers: readonly string[]
  /** Services that send it to the queue that a `snapshot.requested` names. */
  readonly answerers: readonly string[]
  readonly readers: readonly Reader[]
}

const byConstant = new Map(catalogue.map(message => [constantOf(message.type), message]))

/** `order.created` is exported as `orderCreated`. */
function constantOf(type: string): string {
  return type.replaceAll(/[.-](\w)/g, (_, letter: string) => letter.toUpperCase())
}

/** Every message of the catalogue, by what the services' values say that they read and their code that they publish. */
export function readFlows(): Flow[] {
  const said = new Map(services.map(({ name }) => [name, readPublished(name)]))
  const who = (type: string, kind: keyof Published) =>
    services.map(({ name }) => name).filter(name => said.get(name)?.[kind].has(type))
  return catalogue.map(message => ({
    message,
    publishers: who(message.type, 'toAll'),
    answerers: who(message.type, 'asAnswer'),
    readers: readersOf(message),
  }))
}

function readersOf({ type }: Message): Reader[] {
  return services.flatMap(({ name: service, consumers }) =>
    consumers
      .filter(({ messages }) => messages.some(message => message.type === type))
      .map(({ name, bound = true }) => ({ service, queue: `${service}.${name}`, bound })),
  )
}

interface Published {
  readonly toAll: ReadonlySet<string>
  readonly asAnswer: ReadonlySet<string>
}

function readPublished(service: string): Published {
  const folder = path.join(root, `app-${service}`, 'src')
  const files = globSync('**/*.ts', { cwd: folder }).filter(file => !/\.test\.ts$|^testing\b/.test(file))
  const found = files.toSorted().map(file => publishedBy(readFileSync(path.join(folder, file), 'utf8')))
  return {
    toAll: new Set(found.flatMap(({ toAll }) => toAll)),
    asAnswer: new Set(found.flatMap(({ asAnswer }) => asAnswer)),
  }
}

/** The types of the messages that a source file publishes on the exchange, and of those that it answers snapshots with. */
export function publishedBy(source: string): { readonly toAll: string[]; readonly asAnswer: string[] } {
  const imported = messagesImportedBy(source)
  const typeOf = (constant = '') => (imported.has(constant) ? [(byConstant.get(constant) as Message).type] : [])
  const calls = [...source.matchAll(/\bpublish\(\s*(\w+)\b/g)]
  return {
    toAll: calls.filter(call => !namesQueue(source, call.index)).flatMap(([, constant]) => typeOf(constant)),
    asAnswer: /\banswerSnapshots\(/.test(source)
      ? [...source.matchAll(/^ +(?:row|completed): (\w+),$/gm)].flatMap(([, constant]) => typeOf(constant))
      : [],
  }
}

function messagesImportedBy(source: string): Set<string> {
  const statements = [...source.matchAll(/^import \{([^}]*)\} from '@feira\/contracts\/(?:\w|-)+'$/gm)]
  const names = statements.flatMap(([, list = '']) => list.split(',').map(name => name.trim()))
  const constants = names.filter(name => name !== '' && !name.startsWith('type '))
  const unknown = constants.find(name => !byConstant.has(name))
  if (unknown !== undefined) throw new Error(`${unknown} is not the name of a message's type`)
  return new Set(constants)
}

// What is sent to one queue by name reaches nobody else.
function namesQueue(source: string, start: number): boolean {
  let depth = 0
  for (let end = source.indexOf('(', start); end < source.length; end++) {
    if (source[end] === '(') depth++
    if (source[end] === ')' && --depth === 0) return /\bqueue\b/.test(source.slice(start, end))
  }
  return false
}
