/** A command such as `npm run golden -w contracts`, as far as a manifest can tell whether it exists. */
export interface ScriptCall {
  readonly script: string
  /** As written after `-w`; `undefined` means the root. */
  readonly workspace: string | undefined
}

const fence = /^( *)(```+|~~~+)([^\n]*)\n([\s\S]*?)^ *\2[ \t]*$/gm

/** The page without fenced blocks and inline code: what is prose, links included. */
export function proseOf(markdown: string): string {
  return markdown
    .replace(fence, '')
    .replace(/<!--[\s\S]*?-->/g, '')
    .replace(/(`+)(?:(?!\1)[^\n])+\1/g, '')
}

/** Every target of a link or an image, also of reference definitions and HTML. */
export function linksOf(markdown: string): string[] {
  const prose = proseOf(markdown)
  const inline = prose.matchAll(/\]\(\s*<?([^\s)>]+)>?(?:\s+["'(][^)]*)?\)/g)
  const definitions = prose.matchAll(/^ {0,3}\[[^\]]+\]:\s*<?([^\s>]+)/gm)
  const html = prose.matchAll(/<(?:a|img)\b[^>]*?\b(?:href|src)="([^"]+)"/g)
  return [...inline, ...definitions, ...html].map(([, target]) => target ?? '')
}

/** The anchors that GitHub gives the headings of a page, and those set by hand. */
export function anchorsOf(markdown: string): Set<string> {
  const page = markdown.replace(fence, '')
  const seen = new Map<string, number>()
  const headings = [...page.matchAll(/^#{1,6} +(.+?)(?: +#+)?$/gm)].map(([, title]) => {
    const slug = slugOf(title ?? '')
    const count = seen.get(slug) ?? 0
    seen.set(slug, count + 1)
    return count === 0 ? slug : `${slug}-${count}`
  })
  const byHand = [...page.matchAll(/<[a-z][^>]*?\b(?:id|name)="([^"]+)"/g)].map(([, id]) => id ?? '')
  return new Set([...headings, ...byHand])
}

function slugOf(title: string): string {
  const text = title.replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/<[^>]+>/g, '')
  return text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-')
}

/** Every npm script that a page tells its reader to run, in prose, code and tables. */
export function scriptCallsOf(markdown: string): ScriptCall[] {
  return [...markdown.matchAll(/\bnpm +([^\n`|;&"()#]+)/g)].flatMap(([, words = '']) =>
    scriptCall(words.trim().split(/ +/)),
  )
}

function scriptCall(words: readonly string[]): ScriptCall[] {
  const own = words.includes('--') ? words.slice(0, words.indexOf('--')) : words
  const flag = own.findIndex(word => word === '-w' || word === '--workspace')
  const workspace = flag >= 0 ? own[flag + 1] : own.find(word => word.startsWith('--workspace='))?.split('=')[1]
  const [command, name] = own.filter((word, index) => !word.startsWith('-') && (flag < 0 || index !== flag + 1))
  if (command === 'run' || command === 'run-script')
    return name ? [{ script: name.replace(/[.,:]$/, ''), workspace }] : []
  return command === 'start' || command === 'test' ? [{ script: command, workspace }] : []
}

/** The variables of tables whose first column is headed "variable" or "setting", and those set before a command. */
export function variablesOf(markdown: string): string[] {
  const tables = [
    ...markdown.matchAll(/^\| *(?:environment +)?(?:variable|setting)s? *\|.*\n\|[ :|-]+\n((?:\|.*(?:\n|$))*)/gim),
  ]
  const rows = tables.flatMap(([, body = '']) => [...body.matchAll(/^\| *([^|]*)\|/gm)].map(([, cell]) => cell ?? ''))
  const set = [...markdown.matchAll(/((?:\b[A-Z][A-Z0-9_]+=\S+ +)+)(?:npm|npx|node|docker)\b/g)].map(
    ([, text]) => text ?? '',
  )
  return [
    ...rows.flatMap(cell => [...cell.matchAll(/`([A-Z][A-Z0-9_]+)(?:=[^`]*)?`/g)].map(([, name]) => name ?? '')),
    ...set.flatMap(text => [...text.matchAll(/\b([A-Z][A-Z0-9_]+)=/g)].map(([, name]) => name ?? '')),
  ]
}

/** The variables of an `.env` file, those that are commented out included. */
export function environmentFileVariables(text: string): string[] {
  return [...text.matchAll(/^(?:# ?)?(?:export +)?([A-Z][A-Z0-9_]+)=/gm)].map(([, name]) => name ?? '')
}

/** The paths that the fenced blocks under a heading with "map" in it begin their lines with, nested by indentation. */
export function mapOf(markdown: string): string[][] {
  const section = /^(#{1,6}) [^\n]*\bmap\b[^\n]*\n([\s\S]*?)(?=^\1 |(?![\s\S]))/im.exec(markdown)?.[2] ?? ''
  return [...section.matchAll(fence)].flatMap(([, , , , body = '']) => treePaths(body.split('\n')))
}

/** For each entry of a tree its possible paths: below each folder it is indented under, and from the root. */
function treePaths(lines: readonly string[]): string[][] {
  const folders: { readonly indent: number; readonly path: string }[] = []
  return lines.flatMap(line => {
    const indent = /^[\s│├└─|`]*/.exec(line)?.[0].length ?? 0
    while (folders.length > 0 && folders.at(-1)!.indent >= indent) folders.pop()
    const names = leadingPaths(line.slice(indent))
    const candidates = names.map(name => [...folders.map(folder => `${folder.path}${name}`), name])
    const [only] = names
    if (only?.endsWith('/') && names.length === 1)
      folders.push({ indent, path: `${folders.at(-1)?.path ?? ''}${only}` })
    return candidates
  })
}

// A description begins at the first word that is no path: no slash, no dot, or a comment's sign.
function leadingPaths(line: string): string[] {
  const words = line.split(/\s+/)
  const end = words.findIndex(
    word => !/^(?:[\w@.*-]+\/)*[\w@*-]*(?:\/|\.[\w.*-]+|(?<=\/)[\w*-]+)$/.test(word) && word !== 'LICENSE',
  )
  return end < 0 ? words : words.slice(0, end)
}

/** A target of a Makefile, what its comment says of it, and its commands. */
export interface MakeTarget {
  readonly name: string
  readonly says: string
  readonly commands: readonly string[]
}

/** The targets of a Makefile, in their order. */
export function makeTargetsOf(makefile: string): MakeTarget[] {
  const rules = makefile.matchAll(/^([a-z][\w-]*):[^=\n]*?(?:## *([^\n]*))?\n((?:\t[^\n]*\n?)*)/gm)
  return [...rules].map(([, name = '', says = '', recipe = '']) => ({
    name,
    says,
    commands: recipe.split('\n').flatMap(line => (line.trim() === '' ? [] : [line.trim()])),
  }))
}

/** A command block of a page, and what the page says that it prints. */
export interface Example {
  readonly commands: string
  /** Line by line; `…` stands for what is left out. Empty where the page shows nothing. */
  readonly output: readonly string[]
}

/** The command blocks below a heading, each with the block of output that follows it. */
export function examplesOf(markdown: string, heading: string): Example[] {
  const [, section = ''] = markdown.split(`\n## ${heading}\n`)
  const blocks = [...(section.split('\n## ')[0] ?? '').matchAll(fence)].map(([, , , language = '', text = '']) => ({
    language: language.trim(),
    text,
  }))
  return blocks.flatMap(({ language, text }, index) => {
    if (language !== 'sh') return []
    const next = blocks[index + 1]
    return [{ commands: text, output: next && next.language !== 'sh' ? next.text.trimEnd().split('\n') : [] }]
  })
}

/** Whether a line was printed as a page shows it: ids and times differ, and `…` stands for anything. */
export function printsLike(printed: string, shown: string): boolean {
  let from = 0
  return shown.split(/,? *… *,?/).every(part => {
    const at = masked(printed).indexOf(masked(part), from)
    from = at + masked(part).length
    return at >= 0
  })
}

function masked(text: string): string {
  return text
    .replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'ID')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
}
