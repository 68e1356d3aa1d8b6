import { optionDefaults, optionDescriptions } from '../config.ts'
import { groupTable, itemTable, markdown, savingTable } from './cost-tables.ts'
import { drawing } from './drawing.ts'
import { optionsOf, type PlannedResource } from './plan.ts'

interface Stacks {
  readonly dev: readonly PlannedResource[]
  readonly prod: readonly PlannedResource[]
}

/** The parts of each document that are made from the program; they stand between `<!-- name -->` and `<!-- /name -->`. */
export function generatedParts({ dev, prod }: Stacks): Readonly<Record<string, Readonly<Record<string, string>>>> {
  return {
    'README.md': { drawing: `\`\`\`mermaid\n${drawing(dev)}\n\`\`\``, options: optionTable() },
    'COSTS.md': {
      groups: markdown(groupTable({ dev, prod })),
      savings: markdown(savingTable({ dev, prod })),
      items: markdown(itemTable({ dev, prod })),
    },
  }
}

/**
 * A document with its parts anew.
 * @throws when there is no place for one of them.
 */
export function withParts(document: string, parts: Readonly<Record<string, string>>): string {
  return Object.entries(parts).reduce((text, [name, content]) => {
    const [start, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`]
    const [from, to] = [text.indexOf(start), text.indexOf(end)]
    if (from < 0 || to < from) throw new Error(`There is no part ${start} … ${end}`)
    return `${text.slice(0, from + start.length)}\n\n${content}\n\n${text.slice(to)}`
  }, document)
}

function optionTable(): string {
  const [dev, prod] = ['dev', 'prod'].map(optionsOf)
  const cell = (value: unknown) => (value === undefined ? '' : `\`${typeof value === 'string' ? value : yaml(value)}\``)
  const rows = [...optionDescriptions].map(([name, description]) => {
    const key = `feira:${name}`
    const fallback = cell(optionDefaults.get(name))
    return `| \`${name}\` | ${description} | ${cell(dev?.[key]) || fallback} | ${cell(prod?.[key]) || fallback} |`
  })
  return ['| Option | What | dev | prod |', '| --- | --- | --- | --- |', ...rows].join('\n')
}

/** In one line, as one would write it in Pulumi.<stack>.yaml. */
function yaml(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value)
  const entries = Object.entries(value).map(([key, entry]) => `${key}: ${yaml(entry)}`)
  return `{${entries.length > 0 ? ` ${entries.join(', ')} ` : ''}}`
}
