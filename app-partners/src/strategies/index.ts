import { returnOfSale } from './return.ts'
import { sale } from './sale.ts'
import { stockUpdate } from './stock-update.ts'
import type { AnyStrategy } from './strategy.ts'

/** Every type of event. A new one is a file beside these and a line here. */
export const strategies: readonly AnyStrategy[] = [sale, returnOfSale, stockUpdate]

const byKind = new Map(strategies.map(strategy => [strategy.kind, strategy]))

/** @throws for a kind that no strategy handles: the database holds an event of a later release. */
export function strategyOf(kind: string): AnyStrategy {
  const strategy = byKind.get(kind)
  if (!strategy) throw new Error(`No strategy handles events of the kind ${kind}.`)
  return strategy
}

/** What partners call a kind; of one that no strategy handles, which must not hold up the others, the kind itself. */
export function nameOf(kind: string): string {
  return byKind.get(kind)?.tipo ?? kind
}

const byName = new Map(strategies.map(({ tipo }) => [plain(tipo), tipo]))

/** The name of a type as this service writes it, whatever case and accents it came with; `undefined` for an unknown one. */
export function tipoOf(name: string): string | undefined {
  return byName.get(plain(name))
}

/** The kind of a type by its name, as {@link tipoOf} writes it. */
export function kindOf(tipo: string): string {
  return strategies.find(strategy => strategy.tipo === tipo)?.kind ?? tipo
}

// Taken apart, an accent is a character of its own (category M).
function plain(name: string): string {
  return name.normalize('NFD').replaceAll(/\p{M}/gu, '').toUpperCase()
}
