// Paths are strings of bytes here, one character each, as Kong sees them.

/** Of RFC 3986's reserved characters and `%`, which mean something else when they are decoded. */
const reserved = new Set("!*'();:@&=+$,/?%#[]")

/**
 * Normalises a path before it is matched, as Kong does: percent-encoding that changes nothing is decoded, dot segments
 * are resolved (RFC 3986, 5.2.4) and slashes merged, so that no spelling of a path escapes its route.
 */
export function normalisePath(path: string): string {
  const decoded = path.replace(/%([0-9a-f]{2})/gi, (triplet: string, hex: string) => {
    const character = String.fromCharCode(Number.parseInt(hex, 16))
    return reserved.has(character) ? triplet.toUpperCase() : character
  })
  return resolveDots(decoded.replace(/\/{2,}/g, '/'))
}

function resolveDots(path: string): string {
  const output: string[] = []
  const segments = path.split('/').slice(1)
  for (const segment of segments) {
    if (segment === '..') output.pop()
    else if (segment !== '.') output.push(segment)
  }
  const last = segments.at(-1)
  if (last === '.' || last === '..') output.push('')
  return `/${output.join('/')}`
}

/** Percent-encodes what may not stand in a request line. The inverse of the decoding of {@link normalisePath}. */
export function escapePath(path: string): string {
  return path.replace(
    /[^!#$&'()*+,/:;=?@[\]A-Za-z\d\-_.~%]/g,
    character => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  )
}

/**
 * The path to ask the service for: its own path, then what follows the route's prefix, or the whole path when that is
 * not stripped. Kong's "v0" path handling.
 */
export function upstreamPath(base: string, path: string, prefix: string, stripPath: boolean): string {
  if (!stripPath) return path === '/' ? base : join(base, path)
  const rest = path.slice(prefix.length)
  if (rest !== '') return join(base, rest)
  return path.length > 1 && path.endsWith('/') ? join(base, '/') : base
}

function join(base: string, rest: string): string {
  return `${base.replace(/\/$/, '')}/${rest.replace(/^\//, '')}`
}
