import type { Letter, Words } from './letter.ts'

/** A letter as plain text, for those who read no HTML. */
export function textLayout({ heading, paragraphs, items = [], details = [] }: Letter, words: Words): string {
  const blocks = [
    heading,
    ...paragraphs,
    items.map(({ quantity, name, price }) => `${quantity} × ${name}: ${price}`).join('\n'),
    details.map(({ label, value }) => `${label}: ${value}`).join('\n'),
    `-- \n${words.footer}`,
  ]
  return `${blocks.filter(block => block !== '').join('\n\n')}\n`
}
