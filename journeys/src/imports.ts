import { posix } from 'node:path'

/** One file may depend on another folder or package in these ways. */
export interface Import {
  /** As written. */
  readonly specifier: string
  /** Erased at run time: `import type` or `export type`. */
  readonly typeOnly: boolean
}

/** Where a specifier leads: a file of this repository, a workspace by its package name, a package or Node itself. */
export type Target =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'workspace'; readonly name: string; readonly entry: string }
  | { readonly kind: 'package'; readonly name: string }
  | { readonly kind: 'node' }
  | { readonly kind: 'computed' }

const comment = String.raw`\/\/[^\n]*|\/\*[\s\S]*?\*\/`
const string = String.raw`'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|` + '`(?:\\\\[\\s\\S]|[^`\\\\])*`'
const regex = String.raw`(?<=(?:[=(,:!&|?{};[>\n]|\breturn)\s*)\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*`
const token = new RegExp([comment, string, regex].join('|'), 'g')

const place = String.raw`'(\d+)'`
const statement = new RegExp(String.raw`\b(?:import|export)\s+(type\s+)?(?:[\w*{][^';()=]*?)?\bfrom\s*${place}`, 'g')
const sideEffect = new RegExp(String.raw`\b(import)\s*${place}`, 'g')
const call = new RegExp(String.raw`\b(import|import\.meta\.resolve|require|require\.resolve)\s*\(\s*(?:${place})?`, 'g')

/** `source` without comments and regular expressions, each string (with its quotes) replaced by its number. */
function lex(source: string): { readonly code: string; readonly strings: readonly string[] } {
  const strings: string[] = []
  const code = source.replace(token, text => {
    if (text.startsWith('/')) return ' '
    return `'${strings.push(text) - 1}'`
  })
  return { code, strings }
}

/** What of `source` runs: no comments, no text, but what templates compute. */
export function codeOf(source: string): string {
  const { code, strings } = lex(source)
  const templates = strings.filter(text => text.startsWith('`'))
  const computed = templates.flatMap(text => [...text.matchAll(/\$\{([^}]*)\}/g)].map(([, inside]) => inside))
  return [code, ...computed].join('\n')
}

/** Everything that `source` imports, by statement, re-export, `import()`, `require()` or `import.meta.resolve()`. */
export function importsOf(source: string): Import[] {
  const { code, strings } = lex(source)
  return [statement, sideEffect, call].flatMap(pattern =>
    [...code.matchAll(pattern)].map(([, word, index]) => ({
      specifier: index === undefined ? '' : (strings[Number(index)]?.slice(1, -1) ?? ''),
      typeOnly: word?.trim() === 'type',
    })),
  )
}

/** Where `specifier` leads when `file` (a path from the root of the repository) imports it. */
export function targetOf(file: string, specifier: string): Target {
  if (specifier === '') return { kind: 'computed' }
  if (specifier.startsWith('.')) return { kind: 'file', path: posix.join(posix.dirname(file), specifier) }
  if (specifier.startsWith('node:')) return { kind: 'node' }
  const [scope = '', second = '', ...rest] = specifier.split('/')
  if (scope === '@feira') return { kind: 'workspace', name: second, entry: rest.join('/') }
  return { kind: 'package', name: scope.startsWith('@') ? `${scope}/${second}` : scope }
}
