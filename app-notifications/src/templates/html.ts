/** HTML that is safe to send: made only by {@link html}. */
export class Html {
  readonly source: string

  constructor(source: string) {
    this.source = source
  }
}

type Piece = string | number | Html | readonly Html[]

/** A template literal in which every value is escaped, unless it is HTML itself. */
export function html(literals: TemplateStringsArray, ...values: readonly Piece[]): Html {
  return new Html(literals.reduce((text, literal, index) => text + sourceOf(values[index - 1] ?? '') + literal))
}

function sourceOf(value: Piece): string {
  if (value instanceof Html) return value.source
  if (typeof value === 'object') return value.map(({ source }) => source).join('')
  return escape(String(value))
}

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, character => entities[character] ?? '')
}
