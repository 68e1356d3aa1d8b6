import { headerText } from './header-text.ts'

/**
 * How a person may be addressed in a letter, or nothing. Anybody can register anybody's address under any name, so a name
 * that could carry an advertisement (a link, a sentence, a phone number) is left out.
 */
export function salutation(name: string | null): string | null {
  const line = headerText(name ?? '', 80)
  const words = line.split(' ')
  const plain = words.length <= 6 && words.every(word => /^[\p{L}\p{M}'’-]{1,30}\.?$/u.test(word))
  return plain && line !== '' ? line : null
}
