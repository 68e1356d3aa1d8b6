const token =
  /[ \t\n\r]*(?:([[\]{},:])|("[ !#-[\]-\uffff]*(?:\\(?:["\\/bfnrt]|u[\da-fA-F]{4})[ !#-[\]-\uffff]*)*")|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.+-])|(?:true|false|null)(?!\w)))/y

type State = 'value' | 'value or end' | 'key' | 'key or end' | 'colon' | 'comma or end'

/**
 * Says in words where `text` stops being JSON (RFC 8259): `unexpected "}" at line 3, column 7`. For text that
 * `JSON.parse` refused, whose own message names no place. Keeps its own stack, so that nesting cannot exhaust the real one.
 */
export function describeJsonFault(text: string): string {
  const offset = faultOffset(text)
  const before = text.slice(0, offset)
  const line = before.split('\n').length
  const column = offset - before.lastIndexOf('\n')
  const what = offset < text.length ? `unexpected ${JSON.stringify(characterAt(text, offset))}` : 'it ends too early'
  return `${what} at line ${line}, column ${column}`
}

function faultOffset(text: string): number {
  const closers: string[] = []
  let state: State = 'value'
  let end = 0
  for (;;) {
    token.lastIndex = end
    const match = token.exec(text)
    if (!match) return skipSpace(text, end)
    const [, punctuation, string] = match
    const next = follow(state, punctuation ?? (string ? 'string' : 'scalar'), closers)
    if (!next) return skipSpace(text, end)
    state = next
    end = token.lastIndex
  }
}

function follow(state: State, kind: string, closers: string[]): State | undefined {
  if (state === 'colon') return kind === ':' ? 'value' : undefined
  if (state === 'comma or end') return kind === ',' ? afterComma(closers) : close(kind, closers)
  if (state.endsWith('or end') && kind === closers.at(-1)) return close(kind, closers)
  if (state.startsWith('key')) return kind === 'string' ? 'colon' : undefined
  return value(kind, closers)
}

function value(kind: string, closers: string[]): State | undefined {
  if (kind === 'string' || kind === 'scalar') return 'comma or end'
  if (kind !== '[' && kind !== '{') return undefined
  closers.push(kind === '[' ? ']' : '}')
  return kind === '[' ? 'value or end' : 'key or end'
}

function afterComma(closers: readonly string[]): State | undefined {
  const closer = closers.at(-1)
  return closer === '}' ? 'key' : closer === ']' ? 'value' : undefined
}

function close(kind: string, closers: string[]): State | undefined {
  if (kind !== closers.at(-1)) return undefined
  closers.pop()
  return 'comma or end'
}

function skipSpace(text: string, offset: number): number {
  while (offset < text.length && ' \t\n\r'.includes(text.charAt(offset))) offset++
  return offset
}

function characterAt(text: string, offset: number): string {
  return String.fromCodePoint(text.codePointAt(offset) ?? 0)
}
