/** `npm run plan -w infra`: what the stacks consist of, without AWS. */
import { parseArgs } from 'node:util'
import { monthlyCost } from './cost.ts'
import { drawing } from './drawing.ts'
import { plan } from './plan.ts'
import { resourceTable, typeCounts } from './table.ts'

const usage = `npm run plan -w infra [-- <stack>…] [--drawing]

Runs the Pulumi program against mocks and prints every resource that it would make, with its type, its name and the
component that it belongs to, and what a month of it costs. It asks nobody: no account, no network, no Docker.

  <stack>     dev, prod, or another that has a Pulumi.<stack>.yaml; both by default
  --drawing   print who may call whom as a Mermaid diagram instead; infra/README.md shows it
  --help      this text`

try {
  await main()
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { drawing: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
    allowPositionals: true,
  })
  if (values.help) {
    console.log(usage)
    return
  }
  const stacks = positionals.length > 0 ? positionals : ['dev', 'prod']
  if (values.drawing) {
    console.log(drawing(await plan(stacks[0] ?? 'dev')))
    return
  }
  for (const stack of stacks) {
    const resources = await plan(stack)
    console.log(`Stack ${stack}: ${resources.length} resources\n\n${resourceTable(resources)}\n`)
    for (const [type, count] of typeCounts(resources)) console.log(`${String(count).padStart(5)}  ${type}`)
    const { total } = monthlyCost(resources)
    console.log(
      `\nAbout ${total.toFixed(0)} USD a month at list prices, with little traffic; infra/COSTS.md tells of what.\n`,
    )
  }
}
