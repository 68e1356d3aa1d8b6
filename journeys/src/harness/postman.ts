import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { runInNewContext } from 'node:vm'

interface Entry {
  readonly key: string
  readonly value: string
  readonly disabled?: boolean
}

interface Auth {
  readonly type: string
  readonly bearer?: readonly Entry[]
  readonly apikey?: readonly Entry[]
}

interface Script {
  readonly listen: string
  readonly script: { readonly exec: readonly string[] }
}

interface Item {
  readonly name: string
  readonly event: readonly Script[]
  readonly request: {
    readonly method: string
    readonly auth: Auth
    readonly header: readonly Entry[]
    readonly url: { readonly raw: string }
    readonly body?: { readonly raw: string }
  }
}

export interface Collection {
  readonly variable: readonly Entry[]
  readonly event: readonly Script[]
  readonly item: readonly { readonly name: string; readonly item: readonly Item[] }[]
}

/** An answer, as far as scripts and tests look at it. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

/** One request of a collection, after it was sent. */
export interface Sent {
  readonly name: string
  readonly answer: Answer
  /** What its own tests say of the answer. */
  readonly failures: readonly string[]
  /** The headers that it has, also those that are not sent. */
  readonly headers: ReadonlySet<string>
  /** Sends it again, with other headers beside its own. */
  again(headers?: Readonly<Record<string, string>>): Promise<Answer>
}

/**
 * Runs a Postman collection from top to bottom, as Postman and newman do, as far as ours goes: variables, authorisation,
 * scripts before and after each request.
 * @param before is asked to look at a request that will be sent, and may send it otherwise.
 */
export async function* runCollection(
  collection: Collection,
  given: Readonly<Record<string, string>>,
  before: (request: Omit<Sent, 'answer' | 'failures'>) => Promise<void>,
): AsyncGenerator<Sent> {
  const variables = new Map(collection.variable.map(({ key, value }) => [key, value]))
  for (const [key, value] of Object.entries(given)) variables.set(key, value)
  for (const item of collection.item.flatMap(folder => folder.item)) {
    const scripts = (listen: string) =>
      [...collection.event, ...item.event]
        .filter(each => each.listen === listen)
        .map(({ script }) => script.exec.join('\n'))
    const skipped = await prepare(scripts('prerequest'), variables)
    if (skipped) continue
    const filled = fill(item.request, variables)
    const again: Sent['again'] = headers => send(filled, headers)
    const known = { name: item.name, again, headers: new Set(item.request.header.map(({ key }) => key)) }
    await before(known)
    const answer = await again()
    yield { ...known, answer, failures: judge(scripts('test'), variables, answer) }
  }
}

type Variables = Map<string, string>

function accessTo(variables: Variables) {
  return {
    get: (name: string) => variables.get(name),
    set: (name: string, value: string) => void variables.set(name, value),
    unset: (name: string) => void variables.delete(name),
  }
}

/** @returns whether the request is to be skipped. */
async function prepare(scripts: readonly string[], variables: Variables): Promise<boolean> {
  let skipped = false
  let pause = 0
  const pm = { collectionVariables: accessTo(variables), execution: { skipRequest: () => void (skipped = true) } }
  const wait = (_work: unknown, milliseconds: number) => void (pause = Math.max(pause, milliseconds))
  for (const script of scripts) runInNewContext(script, { pm, setTimeout: wait })
  await sleep(pause)
  return skipped
}

function judge(scripts: readonly string[], variables: Variables, { status, headers, text }: Answer): string[] {
  const failures: string[] = []
  const requireStatus = (expected: number) => {
    if (status !== expected) throw new Error(`${status} instead of ${expected}: ${text}`)
  }
  const pm = {
    collectionVariables: accessTo(variables),
    response: { json: () => JSON.parse(text) as unknown, headers, to: { have: { status: requireStatus } } },
    test(name: string, check: () => void) {
      try {
        check()
      } catch (error) {
        failures.push(`${name}: ${String(error)}`)
      }
    },
  }
  for (const script of scripts) {
    try {
      runInNewContext(script, { pm })
    } catch (error) {
      failures.push(String(error))
    }
  }
  return failures
}

interface Filled {
  readonly url: string
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
}

function fill({ method, auth, header, url, body }: Item['request'], variables: Variables): Filled {
  const filled = (text: string) =>
    text.replaceAll(/\{\{(\$?\w+)\}\}/g, (_, name: string) => {
      const value = name === '$guid' ? randomUUID() : variables.get(name)
      if (!value) throw new Error(`nothing has set the variable ${name}`)
      return value
    })
  const enabled = header.filter(({ disabled }) => disabled !== true)
  return {
    method,
    url: filled(url.raw),
    headers: {
      ...authorisation(auth, filled),
      ...Object.fromEntries(enabled.map(({ key, value }) => [key, filled(value)])),
    },
    body: body && filled(body.raw),
  }
}

function authorisation(
  { type, bearer = [], apikey = [] }: Auth,
  filled: (text: string) => string,
): Record<string, string> {
  const valueOf = (entries: readonly Entry[], name: string) =>
    filled(entries.find(({ key }) => key === name)?.value ?? '')
  if (type === 'bearer') return { authorization: `Bearer ${valueOf(bearer, 'token')}` }
  return type === 'apikey' ? { [valueOf(apikey, 'key')]: valueOf(apikey, 'value') } : {}
}

async function send(
  { url, method, headers: own, body }: Filled,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const signal = AbortSignal.timeout(20_000)
  const response = await fetch(url, { method, headers: { ...own, ...headers }, body: body ?? null, signal })
  return { status: response.status, headers: response.headers, text: await response.text() }
}
