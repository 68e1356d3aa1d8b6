import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'

/** What a compose file says of one container. */
export interface Container {
  readonly image: string
  readonly build: { readonly context: string; readonly dockerfile: string }
  readonly environment: Readonly<Record<string, string>>
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
  readonly networks?: unknown
  readonly ports?: readonly string[]
  readonly volumes?: readonly string[]
  readonly restart: string
  readonly logging: { readonly options: Readonly<Record<string, string>> }
  readonly healthcheck: { readonly test?: readonly string[] }
  readonly stop_grace_period: string
}

export interface Compose {
  readonly services: Readonly<Record<string, Container>>
  readonly networks?: unknown
}

/** A service of the workspace, by what its files say: nothing of it is imported here. */
export interface App {
  /** `app-orders` */
  readonly folder: string
  /** `orders` */
  readonly name: string
  readonly port: string
  /** Its public paths. */
  readonly paths: readonly string[]
  readonly dockerfile: string
}

/** The repository. */
export const root = join(import.meta.dirname, '../..')

/** A file of the repository, as text. */
export const read = (path: string): string => readFileSync(join(root, path), 'utf8')

/** A file of the repository, parsed. Without warnings about Compose's own tags: their values are read all the same. */
export const readYaml = (path: string): unknown => parse(read(path), { merge: true, logLevel: 'error' })

/** What the first group of `pattern` matches in `text`, or nothing. */
export const capture = (text: string, pattern: RegExp): string => pattern.exec(text)?.[1] ?? ''

/** Every service of the workspace. */
export const apps: readonly App[] = readdirSync(root)
  .filter(name => name.startsWith('app-'))
  .map(folder => {
    const service = read(`${folder}/src/service.ts`)
    return {
      folder,
      name: folder.slice('app-'.length),
      port: capture(service, /\bport: (\d+)/),
      paths: capture(service, /\bpaths: \[([^\]]+)\]/).match(/[^', ]+/g) ?? [],
      dockerfile: read(`${folder}/Dockerfile`),
    }
  })

/** The containers of the whole system, by name. */
export const { services: system } = readYaml('docker-compose.yml') as Compose

/** One container, which must be there. */
export function container(name: string, services: Compose['services'] = system): Container {
  const found = services[name]
  if (!found) throw new Error(`there is no container ${name}`)
  return found
}
