import { readFileSync, readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Message } from '@feira/contracts'
import { catalogue } from './catalogue.ts'
import { departures } from './conventions.ts'

const machinery = [
  'index.ts',
  'catalogue.ts',
  'check.ts',
  'compatibility.ts',
  'conventions.ts',
  'golden.ts',
  'json-schema.ts',
]
const owners = readdirSync(import.meta.dirname)
  .filter(file => file.endsWith('.ts') && !file.endsWith('.test.ts') && !machinery.includes(file))
  .map(file => file.slice(0, -'.ts'.length))

const messagesOf = async (owner: string) =>
  Object.values((await import(`../src/${owner}.ts`)) as Record<string, Message>)

describe.each(owners)('%s', owner => {
  test('every message it exports is in the catalogue', async () => {
    const messages = await messagesOf(owner)
    expect(messages.length).toBeGreaterThan(0)
    expect(catalogue).toEqual(expect.arrayContaining(messages))
  })

  test('is the owner of all its messages', async () => {
    expect(new Set((await messagesOf(owner)).map(message => message.owner))).toEqual(new Set([owner]))
  })

  test('can be imported as @feira/contracts/%s', () => {
    const { exports } = JSON.parse(readFileSync(`${import.meta.dirname}/../package.json`, 'utf8'))
    expect(exports).toHaveProperty([`./${owner}`], `./src/${owner}.ts`)
  })
})

test('the catalogue holds nothing that no owner declares', async () => {
  const declared = (await Promise.all(owners.map(messagesOf))).flat()
  expect(declared).toEqual(expect.arrayContaining([...catalogue]))
  expect(catalogue).toHaveLength(declared.length)
})

test('every type is unique', () => {
  const types = catalogue.map(message => message.type)
  expect(types.filter((type, index) => types.indexOf(type) !== index)).toEqual([])
})

describe.each(catalogue.map(message => [message.type, message] as const))('%s', (_type, message) => {
  test('keeps to the conventions', () => {
    expect(departures(message)).toEqual([])
  })

  test('its example is valid and travels as it is', () => {
    expect(message.schema.parse(message.example)).toMatchObject(message.example as object)
    expect(JSON.parse(JSON.stringify(message.example))).toEqual(message.example)
  })

  test('its example holds the id and the version of its aggregate', () => {
    const { id, version = id } = message.aggregate
    expect(Object.keys(message.example as object)).toEqual(expect.arrayContaining([id, version]))
  })

  test('a reader ignores a field that it does not know', () => {
    const grown = { ...(message.example as object), aFieldOfTheFuture: true }
    expect(message.schema.safeParse(grown).error).toBeUndefined()
  })
})
