import { readFileSync } from 'node:fs'
import type { ReadableSpan } from '@opentelemetry/sdk-trace'

const declaration = /\/\*\*((?:[^*]|\*(?!\/))*)\*\/\s*declare const ATTR_\w+: "([^"]+)"/g

// The package tells only in its comments which names are out of date.
function declaredIn(file: string): { readonly name: string; readonly deprecated: boolean }[] {
  const types = new URL(file, import.meta.resolve('@opentelemetry/semantic-conventions'))
  return [...readFileSync(types, 'utf8').matchAll(declaration)].map(([, comment, name = '']) => ({
    name,
    deprecated: comment?.includes('@deprecated') ?? false,
  }))
}

const declared = ['stable_attributes.d.mts', 'experimental_attributes.d.mts'].flatMap(declaredIn)

/** The attributes that OpenTelemetry's semantic conventions have today. */
export const conventionalAttributes: ReadonlySet<string> = new Set(
  declared.filter(({ deprecated }) => !deprecated).map(({ name }) => name),
)

/** Attributes of these spans that are neither OpenTelemetry's nor plainly our own. */
export function unconventional(spans: readonly ReadableSpan[]): string[] {
  const names = new Set(spans.flatMap(({ attributes }) => Object.keys(attributes)))
  return [...names].filter(name => !conventionalAttributes.has(name) && !name.startsWith('feira.'))
}
