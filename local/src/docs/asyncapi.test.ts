import { catalogue } from '@feira/contracts/catalogue'
import { expect, test } from 'vitest'
import { services } from '../services.ts'
import { describeMessages } from './asyncapi.ts'
import { readFlows } from './flows.ts'

interface Operation {
  readonly action: string
  readonly channel: { readonly $ref: string }
  readonly messages: readonly { readonly $ref: string }[]
  readonly reply?: Operation
}

interface Document {
  readonly channels: Readonly<Record<string, { readonly address: string | null; readonly messages: object }>>
  readonly operations: Readonly<Record<string, Operation>>
  readonly components: {
    readonly messages: Readonly<Record<string, { readonly examples: readonly { readonly payload: unknown }[] }>>
    readonly schemas: Readonly<Record<string, { readonly required?: readonly string[] }>>
  }
}

const document = JSON.parse(JSON.stringify(describeMessages(readFlows(), []))) as Document

function at(reference: string): unknown {
  return reference
    .slice(2)
    .split('/')
    .reduce<unknown>((place, key) => (place as Record<string, unknown> | undefined)?.[key], document)
}

test('every reference leads somewhere', () => {
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, target = '']) => target)
  expect(references.length).toBeGreaterThan(200)
  expect(references.filter(target => at(target) === undefined)).toEqual([])
})

test('an operation is about messages of its own channel', () => {
  const all = Object.values(document.operations).flatMap(each => [each, ...(each.reply ? [each.reply] : [])])
  const strangers = all.filter(({ channel, messages }) =>
    messages.some(({ $ref }) => !$ref.startsWith(`${channel.$ref}/messages/`)),
  )
  expect(strangers).toEqual([])
})

test('every consumer of every service receives each of its messages, from the exchange or its own queue', () => {
  const received = Object.entries(document.operations)
    .filter(([, { action }]) => action === 'receive')
    .map(([id, { channel }]) => [id, channel.$ref])
  const expected = services.flatMap(({ name, consumers }) =>
    consumers.flatMap(({ name: consumer, bound = true, messages }) =>
      messages.map(({ type }) => [
        `${name}.${consumer}.reads.${type}`,
        `#/channels/${bound ? type : `${name}.${consumer}`}`,
      ]),
    ),
  )
  expect(new Set(received.map(String))).toEqual(new Set(expected.map(String)))
})

test('every message shows an example that its schema admits as it is', () => {
  for (const { type, schema } of catalogue) {
    const [example] = document.components.messages[type]?.examples ?? []
    expect([type, schema.parse(example?.payload)]).toEqual([type, example?.payload])
  }
})

test('who publishes a command may leave out what has a default; of an event everything is there', () => {
  const { schemas } = document.components
  expect(schemas['NotificationsEmail']?.required).not.toContain('priority')
  expect(schemas['OrderCreated']?.required).toContain('origin')
})
