import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import type { Message } from '@feira/contracts'
import { catalogue } from './catalogue.ts'
import { incompatibilities } from './compatibility.ts'
import { jsonSchemaOf } from './json-schema.ts'
import type { JsonSchema } from './json-schema.ts'

/** The recorded JSON Schema of each message, by its type. */
export type Golden = ReadonlyMap<string, JsonSchema>

export interface Review {
  /** One sentence per break; nothing may be recorded while there is one. */
  readonly breaks: readonly string[]
  /** Messages that are new or have grown without a break, with the schema to record. */
  readonly unrecorded: Golden
}

export const goldenFolder = fileURLToPath(new URL('../golden/', import.meta.url))

/** Reads `<type>.json` for every message recorded in `folder`. */
export function readGolden(folder: string = goldenFolder): Golden {
  const files = readdirSync(folder).filter(file => file.endsWith('.json'))
  return new Map(files.map(file => [file.slice(0, -'.json'.length), parse(readFileSync(folder + file, 'utf8'))]))
}

/** Compares the messages as they are declared now with what was recorded of them. */
export function review(messages: readonly Message[], golden: Golden): Review {
  const now = new Map(messages.map(message => [message.type, parse(JSON.stringify(jsonSchemaOf(message)))]))
  const breaks = new Map([...golden].map(([type, before]) => [type, breaksOf(type, before, now.get(type))]))
  const unrecorded = [...now].filter(
    ([type, schema]) => !breaks.get(type)?.length && !isDeepStrictEqual(schema, golden.get(type)),
  )
  return { breaks: [...breaks.values()].flat(), unrecorded: new Map(unrecorded) }
}

function breaksOf(type: string, before: JsonSchema, now: JsonSchema | undefined): string[] {
  if (!now) return [`${type} has vanished, but old messages still wait in queues: a message is never removed`]
  return incompatibilities(before, now).map(
    reason => `${type} ${reason}; define ${nextVersion(type)} beside it instead`,
  )
}

function nextVersion(type: string): string {
  const [, base, version = '1'] = /^(.*?)(?:\.v(\d+))?$/.exec(type) ?? []
  return `${base}.v${Number(version) + 1}`
}

function parse(text: string): JsonSchema {
  return JSON.parse(text) as JsonSchema
}

function record(): number {
  const { breaks, unrecorded } = review(catalogue, readGolden())
  if (breaks.length > 0) {
    console.error(`Nothing was recorded: ${breaks.length} incompatible changes.\n  ${breaks.join('\n  ')}`)
    return 1
  }
  for (const [type, schema] of unrecorded) {
    writeFileSync(`${goldenFolder}${type}.json`, `${JSON.stringify(schema, null, 2)}\n`)
    console.log(`recorded ${type}`)
  }
  console.log(`${catalogue.length} messages, ${unrecorded.size} recorded now.`)
  return 0
}

if (import.meta.main) process.exitCode = record()
