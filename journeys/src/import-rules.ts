import { importsOf, codeOf, targetOf } from './imports.ts'
import type { Import, Target } from './imports.ts'

/** One import of one file, and all that a rule needs to judge it. */
interface Edge extends Import {
  readonly file: string
  /** The folder at the root that the file belongs to. */
  readonly workspace: string
  readonly test: boolean
  readonly target: Target
  /** The folder at the root that the target belongs to, when it is in this repository. */
  readonly towards: string | undefined
}

type Rule = (edge: Edge) => string | undefined

const app = /^app-/
const mayImport: Readonly<Record<string, readonly string[]>> = {
  contracts: ['contracts'],
  chassis: ['contracts', 'chassis'],
  local: ['contracts', 'chassis', 'local'],
  journeys: ['contracts', 'chassis', 'local', 'journeys'],
  infra: ['contracts', 'chassis', 'infra'],
}

const rules: readonly Rule[] = [
  function direction({ workspace, towards, target }) {
    if (towards === undefined || towards === workspace) return undefined
    if (['local', 'infra'].includes(workspace) && app.test(towards)) {
      const entry = target.kind === 'workspace' ? target.entry : undefined
      return entry === 'service' ? undefined : `${workspace} may import only an app's service`
    }
    const allowed = mayImport[workspace] ?? ['contracts', 'chassis']
    return allowed.includes(towards) ? undefined : `${workspace} may not import ${towards}`
  },

  function byName({ workspace, towards, target }) {
    return target.kind === 'file' && towards !== workspace
      ? 'another workspace is imported by its package name'
      : undefined
  },

  function contractsStandAlone({ workspace, target, test }) {
    if (workspace !== 'contracts' || test || target.kind !== 'package' || target.name === 'zod') return undefined
    return 'contracts may import only zod'
  },

  function chassisKnowsNoMessage({ workspace, towards, target, typeOnly, test, file }) {
    if (workspace !== 'chassis' || towards !== 'contracts') return undefined
    if (target.kind === 'workspace' && target.entry !== '') return "the chassis may import only contracts' root"
    const testing = test || file.startsWith('chassis/src/testing/')
    return typeOnly || testing ? undefined : "the chassis may import only contracts' types"
  },

  function domainIsPure({ file, target, test }) {
    const domain = /^.*\/domain\//.exec(file)?.[0]
    if (domain === undefined || (target.kind === 'file' && target.path.startsWith(domain))) return undefined
    return test && target.kind === 'package' ? undefined : 'domain may import only ./*'
  },

  function featuresAreIndependent({ file, target, test }) {
    if (test || !file.includes('/features/') || target.kind !== 'file') return undefined
    return target.path.includes('/features/') ? 'a feature may not import a feature' : undefined
  },

  function importsAreVisible({ workspace, target }) {
    return target.kind === 'computed' && workspace !== 'local' ? 'an import must be a literal' : undefined
  },
]

/** The folder at the root of the repository that `path` lies in. */
export function workspaceOf(path: string): string {
  return path.split('/')[0] ?? path
}

/** Which imports of `file` (a path from the root) go in a direction that the architecture forbids. */
export function importViolations(file: string, source: string): string[] {
  return edgesOf(file, source).flatMap(edge =>
    rules.flatMap(rule => {
      const reason = rule(edge)
      return reason === undefined ? [] : [`${file} imports ${edge.specifier || 'something computed'}: ${reason}`]
    }),
  )
}

/** What the manifests declare for a file: what is there when it runs, and what is there besides while developing. */
export interface Declared {
  readonly runtime: ReadonlySet<string>
  readonly development: ReadonlySet<string>
}

/** Packages that `file` imports and no manifest declares for it: they would be missing in its workspace's image. */
export function undeclaredPackages(file: string, source: string, { runtime, development }: Declared): string[] {
  const neverInImage = isTest(file) || !file.includes('/src/') || /^journeys\/|\/testing\/|\.testing\.ts$/.test(file)
  return edgesOf(file, source)
    .map(({ target, workspace, typeOnly }) => ({ name: packageOf(target, workspace), typeOnly }))
    .filter(({ name, typeOnly }) => {
      const there = name === undefined || runtime.has(name)
      return !there && !((typeOnly || neverInImage) && development.has(name))
    })
    .map(({ name }) => `${file} imports ${name}, which ${workspaceOf(file)}/package.json does not declare`)
}

/** Whether the environment is read by other means than `environment()`. */
export function readsEnvironment(file: string, source: string): boolean {
  if (file === 'chassis/src/config.ts') return false
  const fromNode = importsOf(source).some(({ specifier }) => /^(?:node:)?process$/.test(specifier))
  return (
    fromNode ||
    /\bprocess\s*(?:\?\.|\.)\s*env\b|\bprocess\s*\[|\bimport\.meta\.env\b|=\s*process\b(?!\.)/.test(codeOf(source))
  )
}

export function isTest(file: string): boolean {
  return file.endsWith('.test.ts')
}

function edgesOf(file: string, source: string): Edge[] {
  const workspace = workspaceOf(file)
  return importsOf(source).map(found => {
    const target = targetOf(file, found.specifier)
    return { ...found, file, workspace, test: isTest(file), target, towards: folderOf(target) }
  })
}

function folderOf(target: Target): string | undefined {
  if (target.kind === 'file') return workspaceOf(target.path)
  return target.kind === 'workspace' ? target.name : undefined
}

function packageOf(target: Target, workspace: string): string | undefined {
  if (target.kind === 'package') return target.name.includes('${') ? undefined : target.name
  return target.kind === 'workspace' && target.name !== workspace ? `@feira/${target.name}` : undefined
}
