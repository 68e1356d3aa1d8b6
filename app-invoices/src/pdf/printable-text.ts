// Controls break the text of a PDF; invisible ones and those of direction let a name pretend to be other text.
const unprintable =
  /[\p{Cc}\p{Zl}\p{Zp}\u00AD\u061C\u180E\u200B-\u200F\u202A-\u202E\u2060-\u206F\uFEFF\uFFF9-\uFFFB]+/gu

/**
 * Text of anybody's making as one line that can be printed: well-formed, without controls, at most `limit` characters
 * (code points), the last of which is … when it was longer.
 */
export function printable(text: string, limit: number): string {
  // More than enough to find `limit` characters in, and little enough to look at every one.
  const start = text.slice(0, limit * 4).toWellFormed()
  const line = start.replace(unprintable, ' ').normalize('NFC').replace(/ {2,}/g, ' ').trim()
  const characters = Array.from(line)
  const cut = characters.length > limit || text.length > limit * 4
  return cut
    ? `${characters
        .slice(0, limit - 1)
        .join('')
        .trimEnd()}…`
    : line
}
