import type { RejectedField } from '../rejection.ts'

/** Deeper bodies would exhaust the stack of whatever walks them recursively: validation, `JSON.stringify`. */
export const maxDepth = 64
const maxReported = 20

/**
 * Finds in a parsed body what no database column, log or object should be given: `\u0000`, unpaired surrogates,
 * `__proto__` and `constructor.prototype`, more than 64 levels of nesting. Names at most 20 places.
 */
export function findHostile(body: unknown): RejectedField[] {
  const found: RejectedField[] = []
  walk(body, '', 0, (path, message) => {
    found.push({ in: 'body', field: clip(path), message })
    return found.length < maxReported
  })
  return found
}

/** Why `text` is refused, if it is. */
export function textComplaint(text: string): string | undefined {
  if (text.includes('\0')) return 'must not contain the character U+0000'
  if (!text.isWellFormed()) return 'must not contain an unpaired surrogate'
  return undefined
}

/** A field's name comes from the client, so it may be of any length. */
export function clip(path: string): string {
  return path.length > 200 ? `${path.slice(0, 200)}…` : path
}

// Recursion is safe because it ends at maxDepth. `report` says whether to go on, and so does the result.
function walk(
  value: unknown,
  path: string,
  depth: number,
  report: (path: string, message: string) => boolean,
): boolean {
  if (typeof value === 'string') return check(textComplaint(value), path, report)
  if (typeof value !== 'object' || value === null) return true
  if (depth > maxDepth) return report(path, `must not be nested more than ${maxDepth} levels deep`)
  for (const [key, child] of Object.entries(value)) {
    const childPath = path === '' ? key : `${path}.${key}`
    if (!check(nameComplaint(key, child), childPath, report)) return false
    if (!walk(child, childPath, depth + 1, report)) return false
  }
  return true
}

function check(complaint: string | undefined, path: string, report: (path: string, message: string) => boolean) {
  return complaint === undefined || report(path, complaint)
}

function nameComplaint(key: string, child: unknown): string | undefined {
  const poisons =
    key === '__proto__' ||
    (key === 'constructor' && typeof child === 'object' && child !== null && Object.hasOwn(child, 'prototype'))
  return poisons ? 'is not an accepted name' : textComplaint(key)
}
