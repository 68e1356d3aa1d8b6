import type { Service } from '@feira/chassis'
import { expect, test } from 'vitest'
import { describeGateway, type OpenApi, type Operation } from './openapi.ts'

const reference = (name: string) => ({ $ref: `#/components/schemas/${name}` })

function operation(operationId: string, schema: string): Operation {
  const content = { 'application/json': { schema: reference(schema) } }
  return { operationId, summary: 'Reads.', tags: ['orders'], security: [], responses: { 200: { content } } }
}

function described(name: string, paths: OpenApi['paths'], schemas: OpenApi['components']['schemas']) {
  const service = { name, summary: `About ${name}.`, paths: [`/${name}`] } as unknown as Service
  const info = { title: name, summary: '', version: '1' }
  const components = { schemas, responses: {}, securitySchemes: { bearerAuth: {} } }
  return { service, document: { openapi: '3.1.0', info, servers: [], paths, components } }
}

const item = { type: 'object', description: 'item' }
const order = { type: 'object', properties: { items: { items: reference('Item') } } }
const orders = described(
  'orders',
  {
    '/orders': { get: operation('listOrders', 'Order') },
    '/ops/dead-letters': { get: operation('listDeadLetters', 'Dead') },
    '/orderscopes': { get: operation('elsewhere', 'Dead') },
  },
  { Order: order, Item: item, Dead: {} },
)

test('the gateway shows public paths only, and what they refer to', () => {
  const { paths, components, tags } = describeGateway([orders])
  expect(Object.keys(paths)).toEqual(['/orders'])
  expect(paths['/orders']?.['get']).toMatchObject({ operationId: 'listOrders', 'x-service': 'orders' })
  expect(Object.keys(components.schemas)).toEqual(['Order', 'Item'])
  expect(tags).toEqual([{ name: 'orders', description: 'About orders.' }])
})

test('what is the same in two services is there once; what is not gets the name of the later service before its own', () => {
  const paths = { '/queries': { get: operation('listOrders', 'Order'), post: operation('ask', 'Item') } }
  const other = { ...item, description: 'another item' }
  const { components, paths: all } = describeGateway([
    orders,
    described('queries', paths, { Order: order, Item: other }),
  ])
  // The order is written alike, but its items are others.
  expect(components.schemas).toEqual({
    Order: order,
    Item: item,
    QueriesOrder: { type: 'object', properties: { items: { items: reference('QueriesItem') } } },
    QueriesItem: other,
  })
  expect(all['/queries']?.['get']).toMatchObject({
    operationId: 'listOrdersOfQueries',
    responses: { 200: { content: { 'application/json': { schema: reference('QueriesOrder') } } } },
  })
  const same = describeGateway([orders, described('queries', paths, { Order: order, Item: item })])
  expect(Object.keys(same.components.schemas)).toEqual(['Order', 'Item'])
})
