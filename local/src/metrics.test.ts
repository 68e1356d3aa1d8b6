import { readFileSync } from 'node:fs'
import type { Service } from '@feira/chassis'
import { scrape, startTestService, type Family } from '@feira/chassis/testing'
import { beforeAll, describe, expect, test } from 'vitest'
import { services } from './services.ts'

/** What docs/metrics.md says of one metric. */
interface Line {
  readonly name: string
  readonly type: string
  readonly labels: readonly string[]
}

const page = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8')
const sections = new Map(
  page.split(/^## /m).map((section): [string, Line[]] => [section.slice(0, section.indexOf('\n')), linesOf(section)]),
)

function linesOf(section: string): Line[] {
  const rows = section.matchAll(/^\| `(\w+)`(?: °)? +\| (\w+) +\|([^|]*)\|/gm)
  return [...rows].map(([, name = '', type = '', labels = '']) => {
    return { name, type, labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label = '']) => label).toSorted() }
  })
}

const ofAll = sections.get('Every service') ?? []
const ofSome = sections.get('Where something is guarded by a circuit breaker') ?? []
const ownOf = ({ name }: Service) => sections.get(`app-${name}`) ?? []

/** The metrics of each service, but for those that every Node process has. */
const families = new Map<Service, readonly Family[]>()
beforeAll(async () => {
  for (const service of services) {
    await using running = await startTestService(service)
    // Scrapes are requests, too: the second shows the first.
    await scrape(running)
    families.set(
      service,
      (await scrape(running)).filter(({ name }) => !/^(nodejs|process)_/.test(name)),
    )
  }
}, 120_000)

const namesOf = (lines: readonly { readonly name: string }[]) => lines.map(({ name }) => name)

describe('docs/metrics.md', () => {
  test('is read, and every service runs', () => {
    expect(ofAll.length).toBeGreaterThan(15)
    expect([...sections.values()].flat().length).toBeGreaterThan(ofAll.length + 8)
    expect(families.size).toBe(7)
  })

  test('lists no metric twice', () => {
    const names = [...sections.values()].flatMap(namesOf)
    expect(names).toHaveLength(new Set(names).size)
  })

  test.each(services.map(service => [service.name, service] as const))('lists what app-%s has', (_name, service) => {
    const present = families.get(service) ?? []
    const listed = [...ofAll, ...ownOf(service)]
    expect(namesOf(present)).toEqual(expect.arrayContaining(namesOf(listed)))
    const known = new Set(namesOf([...listed, ...ofSome]))
    expect(namesOf(present).filter(name => !known.has(name))).toEqual([])
  })

  test('says of what type they are, and which labels they have', () => {
    const all = [...families.values()].flat()
    const seen = new Set<string>()
    for (const { name, type, labels } of [...sections.values()].flat()) {
      const same = all.filter(family => family.name === name)
      expect(
        same.map(family => family.type),
        name,
      ).toContain(type)
      for (const labelled of same.flatMap(({ series }) => series)) {
        seen.add(name)
        expect(labelNamesOf(labelled.labels), name).toEqual(labels)
      }
    }
    // What nothing was counted in yet has no series.
    expect(seen.size).toBeGreaterThan(18)
  })
})

function labelNamesOf(labels: Readonly<Record<string, string>>): string[] {
  return Object.keys(labels)
    .filter(label => label !== 'service' && label !== 'le')
    .toSorted()
}
