/**
 * An e-mail address as it is stored: without spaces around it, its domain in lower case. What stands before the `@` is
 * left as its owner writes it, because only the receiving server knows whether case matters there (RFC 5321 §2.4).
 */
export function normaliseEmail(text: string): string {
  const trimmed = text.trim()
  const at = trimmed.lastIndexOf('@') + 1
  return trimmed.slice(0, at) + trimmed.slice(at).toLowerCase()
}

/** What two spellings of one address have in common: no two users may share it. */
export function emailKey(text: string): string {
  return text.trim().toLowerCase()
}
