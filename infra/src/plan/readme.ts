import { optionDefaults, optionDescriptions } from '../config.ts'
import { drawing } from './drawing.ts'
import { optionsOf, type PlannedResource } from './plan.ts'

/** infra/README.md with those of its parts anew that are made from the program: between `<!-- name -->` and `<!-- /name -->`. */
export function withGeneratedParts(readme: string, resources: readonly PlannedResource[]): string {
  return replacePart(replacePart(readme, 'drawing', mermaid(resources)), 'options', optionTable())
}

function mermaid(resources: readonly PlannedResource[]): string {
  return `\`\`\`mermaid\n${drawing(resources)}\n\`\`\``
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

function replacePart(text: string, name: string, content: string): string {
  const [start, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`]
  const [from, to] = [text.indexOf(start), text.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`There is no part ${start} … ${end}`)
  return `${text.slice(0, from + start.length)}\n\n${content}\n\n${text.slice(to)}`
}
