/** `npm run readme -w infra`: brings what infra/README.md shows of the program up to date. */
import { readFileSync, writeFileSync } from 'node:fs'
import { plan } from './plan.ts'
import { withGeneratedParts } from './readme.ts'

const file = new URL('../../README.md', import.meta.url)
writeFileSync(file, withGeneratedParts(readFileSync(file, 'utf8'), await plan('dev')))
