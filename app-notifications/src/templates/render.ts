import { en, words } from './en.ts'
import type { Locale } from './format.ts'
import { htmlLayout } from './html-layout.ts'
import type { FactsOf, Letters, TemplateName, Words } from './letter.ts'
import { palavras, ptBR } from './pt-br.ts'
import { textLayout } from './text-layout.ts'
import { headerText } from '../domain/header-text.ts'

/** What is written in each language. */
export const languages: Readonly<Record<Locale, { readonly letters: Letters; readonly words: Words }>> = {
  'pt-BR': { letters: ptBR, words: palavras },
  en: { letters: en, words },
}

export interface Rendered {
  readonly subject: string
  readonly text: string
  readonly html: string
}

/** Writes a letter in a language, as text and as HTML. */
export function render<Name extends TemplateName>(template: Name, facts: FactsOf[Name], locale: Locale): Rendered {
  const { letters, words } = languages[locale]
  const letter = letters[template](facts)
  return {
    subject: headerText(letter.subject),
    text: textLayout(letter, words),
    html: htmlLayout(letter, words, locale),
  }
}
