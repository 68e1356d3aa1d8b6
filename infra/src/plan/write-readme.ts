/** `npm run readme -w infra`: brings up to date what the documents of this folder show of the program. */
import { readFileSync, writeFileSync } from 'node:fs'
import { plan } from './plan.ts'
import { generatedParts, withParts } from './readme.ts'

const documents = generatedParts({ dev: await plan('dev'), prod: await plan('prod') })
for (const [name, parts] of Object.entries(documents)) {
  const file = new URL(`../../${name}`, import.meta.url)
  writeFileSync(file, withParts(readFileSync(file, 'utf8'), parts))
}
