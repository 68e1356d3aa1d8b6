/** What a letter says, before it is laid out as text and as HTML. Everything in it is plain text. */
export interface Letter {
  readonly subject: string
  readonly heading: string
  readonly paragraphs: readonly string[]
  /** Shown as a table: what was ordered. */
  readonly items?: readonly Item[]
  readonly details?: readonly Detail[]
}

export interface Detail {
  readonly label: string
  readonly value: string
}

export interface Item {
  readonly name: string
  readonly quantity: string
  /** Of one piece, formatted. */
  readonly price: string
}

/** What letters about an order may tell: formatted for the reader's language, ready to be put into a sentence. */
export interface OrderFacts {
  /** Null when nobody knows it, or it is none to address somebody by. */
  readonly name: string | null
  /** The order's id in full. */
  readonly orderId: string
  /** The end of the order's id, to tell it from the customer's others in a subject. */
  readonly order: string
  readonly items: readonly Item[]
  readonly total: string
  /** When it happened. */
  readonly date: string
  /** Why, in the words of whoever did it. */
  readonly reason: string | null
}

export interface InvoiceFacts {
  readonly name: string | null
  readonly orderId: string
  /** The invoice's number, e.g. `2026-000042`. */
  readonly number: string
  readonly total: string
  readonly date: string
}

export interface UserFacts {
  readonly name: string | null
  readonly email: string
}

/** Every letter there is, and what it is given. A language that lacks one does not compile. */
export interface FactsOf {
  readonly 'order-created': OrderFacts
  readonly 'order-reserved': OrderFacts
  readonly 'order-paid': OrderFacts
  readonly 'order-shipped': OrderFacts
  readonly 'order-completed': OrderFacts
  readonly 'order-cancelled': OrderFacts
  readonly 'order-refunded': OrderFacts
  readonly 'invoice-issued': InvoiceFacts
  readonly 'user-created': UserFacts
}

export type TemplateName = keyof FactsOf

/** The letters of one language. */
export type Letters = { readonly [Name in TemplateName]: (facts: FactsOf[Name]) => Letter }

/** The words of the layout itself. */
export interface Words {
  readonly product: string
  readonly quantity: string
  readonly price: string
  readonly footer: string
}
