import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import path from 'node:path'
import { type Binaries, program } from './binaries.ts'

/** How PostgreSQL's programs are run, since they refuse to run as root. */
export interface Account {
  /** Whom the data belongs to; absent where that is ourselves. */
  readonly owner?: Ids
  /** Whom the programs run as; absent where that is ourselves. */
  readonly runAs?: Ids
  /** Put before every command. */
  readonly prefix: readonly string[]
}

export interface Ids {
  readonly uid: number
  readonly gid: number
}

/** Where the programs and the data are that an account can use. */
export interface Placement {
  readonly account: Account
  readonly binaries: Binaries
  readonly directory: string
}

/** Makes a directory that is ours alone, below what may be everybody's, and returns its real path. */
export function makeDirectory(directory: string): string {
  fs.mkdirSync(path.dirname(directory), { recursive: true })
  fs.mkdirSync(directory, { recursive: true, mode: 0o700 })
  return fs.realpathSync(directory)
}

/**
 * Decides who runs PostgreSQL in `directory`: whoever we are; as root the user `nobody`, or, where it cannot
 * enter (a clone below /root), ourselves without our rights in a user namespace, or at last `nobody` on a copy elsewhere.
 */
export function place(binaries: Binaries, directory: string): Placement {
  if (process.getuid?.() !== 0) return { account: { prefix: [] }, binaries, directory }
  const ids = { uid: idOf('-u'), gid: idOf('-g') }
  const nobody: Account = { owner: ids, runAs: ids, prefix: [] }
  const accounts = [nobody, namespaceOf(ids.uid)]
  const account = accounts.find(candidate => canUse(candidate, binaries, directory))
  return account ? { account, binaries, directory } : relocate(binaries, directory, nobody)
}

/** Gives the directory and all in it to the account that needs it. It changes hands when a clone moves. */
export function handOver({ account, directory }: Placement): void {
  if (account.owner) own(directory, account.owner)
}

function own(file: string, owner: Ids): void {
  const stats = fs.lstatSync(file)
  if (stats.isSymbolicLink()) return
  if (stats.isDirectory()) for (const entry of fs.readdirSync(file)) own(path.join(file, entry), owner)
  if (stats.uid !== owner.uid) fs.chownSync(file, owner.uid, owner.gid)
}

function idOf(flag: '-u' | '-g'): number {
  const answer = spawnSync('id', [flag, 'nobody'], { encoding: 'utf8' })
  return answer.status === 0 ? Number(answer.stdout) : 65_534
}

// The mapped id must be in /etc/passwd: initdb asks for its own name.
function namespaceOf(uid: number): Account {
  return { owner: { uid: 0, gid: 0 }, prefix: ['unshare', '-U', `--map-user=${uid}`, '--'] }
}

const probe = 'test "$(id -u)" != 0 && cd "$1" && test -r "$2/share/postgresql/postgres.bki" && exec "$3" --version'

function canUse({ prefix, runAs }: Account, binaries: Binaries, directory: string): boolean {
  const args = [path.dirname(directory), binaries.folder, program(binaries, 'postgres')]
  const [file, ...rest] = [...prefix, 'sh', '-c', probe, 'sh', ...args] as [string, ...string[]]
  return spawnSync(file, rest, { ...runAs, cwd: '/', stdio: 'ignore' }).status === 0
}

// A random folder whose name is kept in `directory`: under /var/tmp anybody could have made a predictable one before us.
function relocate(binaries: Binaries, directory: string, account: Account): Placement {
  const note = path.join(directory, 'relocated-to')
  const known = fs.existsSync(note) ? fs.readFileSync(note, 'utf8').trim() : undefined
  const home = known && fs.existsSync(known) ? known : fs.mkdtempSync('/var/tmp/feira-postgres-')
  fs.chmodSync(home, 0o755)
  fs.writeFileSync(note, `${home}\n`)
  const copy = { folder: copyOf(binaries, home), major: binaries.major }
  const data = makeDirectory(path.join(home, 'data'))
  if (canUse(account, copy, data)) return { account, binaries: copy, directory: data }
  throw new Error(
    `PostgreSQL cannot run as root, and the user nobody cannot use ${home}. ` +
      'Start as another user, or set DATABASE_URL to a PostgreSQL server that you run yourself.',
  )
}

function copyOf({ folder, major }: Binaries, home: string): string {
  const target = path.join(home, `postgresql-${major}`)
  if (fs.existsSync(target)) return target
  const partial = fs.mkdtempSync(path.join(home, 'partial-'))
  fs.cpSync(folder, partial, { recursive: true, verbatimSymlinks: true })
  fs.chmodSync(partial, 0o755)
  fs.renameSync(partial, target)
  return target
}
