/**
 * Text for a header such as the subject: on one line, whatever somebody put into a name, and no longer than `max` characters.
 * What ends a line in a mail (RFC 5322 §2.2) or is invisible becomes a space.
 */
export function headerText(text: string, max = 200): string {
  const line = text.replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\s]+/gu, ' ').trim()
  const characters = Array.from(line)
  return characters.length <= max ? line : `${characters.slice(0, max - 1).join('')}…`
}
