import { stringify } from 'yaml'
import { services } from '../services.ts'
import { describeMessages } from './asyncapi.ts'
import { readFlows } from './flows.ts'
import { drawMap } from './map.ts'
import { describeGateway, describeServices } from './openapi.ts'
import { describeCollection } from './postman.ts'

/** What `npm run docs` writes, before it is formatted, by the path of its file. */
export async function makeDocuments(): Promise<ReadonlyMap<string, string>> {
  const described = await describeServices()
  const gateway = describeGateway(described)
  const flows = readFlows()
  const tags = services.map(({ name, summary: description }) => ({ name, description }))
  return new Map([
    ...described.map(({ service, document }) => [`docs/api/${service.name}.openapi.json`, json(document)] as const),
    ['docs/api/feira.openapi.json', json(gateway)],
    ['docs/api/feira.postman_collection.json', json(describeCollection(gateway))],
    // Without aliases: what is the same twice is written twice.
    ['docs/messages/asyncapi.yaml', stringify(describeMessages(flows, tags), { aliasDuplicateObjects: false })],
    ['docs/messages/map.md', drawMap(flows, services)],
  ])
}

function json(document: object): string {
  return JSON.stringify(document, null, 2)
}
