import { execFileSync, spawnSync, type SpawnSyncReturns } from 'node:child_process'
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const help = `Deploys what is checked out to AWS, with the Pulumi program in infra/.

  npm run deploy -- preview dev            what \`up\` would change, in Markdown
  npm run deploy -- up dev                 builds the images, migrates, and updates the services; --version for their labels
  npm run deploy -- state dev              what is deployed: revision=… and url=…, empty before the first time
  npm run deploy -- back dev <revision>    deploys an earlier revision, as it was

Needs the pulumi CLI, Docker with buildx, PULUMI_BACKEND_URL, and credentials of AWS in the environment.
Exit code: 0 done, 1 it failed, 2 it could not even be tried.`

/** More is cut off at the beginning: GitHub takes 65,536 characters in a comment. */
const longest = 60_000

const commitId = /^[0-9a-f]{7,40}$/

interface Options {
  readonly folder: string
  readonly stack: string
  readonly version: string | undefined
}

/** The arguments of pulumi that name what is deployed, and a copy of the stack's settings that it may write them to. */
function settingsOf({ folder, stack, version }: Options): {
  readonly args: readonly string[]
  readonly remove: () => void
} {
  const file = join(folder, 'infra', `Pulumi.${stack}.yaml`)
  if (!existsSync(file)) throw new Error(`There is no stack ${stack}: ${file} is missing.`)
  const directory = mkdtempSync(join(tmpdir(), 'feira-deploy-'))
  // Pulumi saves what `--config` says, and the stack's own file is not to change with each deployment.
  const copy = join(directory, `Pulumi.${stack}.yaml`)
  copyFileSync(file, copy)
  const config = [`revision=${revisionOf(folder)}`, ...(version === undefined ? [] : [`version=${version}`])]
  const named = config.flatMap(setting => ['--config', setting])
  const args = ['--stack', stack, '--config-file', copy, ...named, '--non-interactive', '--suppress-progress']
  return { args, remove: () => rmSync(directory, { recursive: true, force: true }) }
}

function revisionOf(folder: string): string {
  return git(folder, 'rev-parse', 'HEAD').trim()
}

function git(folder: string, ...args: readonly string[]): string {
  return execFileSync('git', args, { cwd: folder, encoding: 'utf8' })
}

/** Milliseconds that Pulumi may take; then it is interrupted, which it survives with its state in order and unlocked. */
const patience = 40 * 60_000

/** Runs a script of infra/, so that its policies hold here as well. */
function infra(folder: string, args: readonly string[], stdio: 'inherit' | 'pipe'): SpawnSyncReturns<string> {
  const [script = '', ...rest] = args
  const command = ['run', '--silent', script, '--workspace', 'infra', '--', ...rest]
  return spawnSync('npm', command, {
    cwd: folder,
    encoding: 'utf8',
    stdio,
    // An attestation names its build: the same image would have another digest each time, and be deployed for it.
    env: { ...process.env, BUILDX_NO_DEFAULT_ATTESTATIONS: '1' },
    maxBuffer: 1e9,
    timeout: patience,
    killSignal: 'SIGINT',
  })
}

/** `pulumi up`. @returns whether it succeeded. */
function up(options: Options): boolean {
  const { folder, stack } = options
  if (git(folder, 'status', '--porcelain') !== '')
    throw new Error('What is checked out differs from its commit: what would be deployed could not be named.')
  const { args, remove } = settingsOf(options)
  try {
    console.log(`${revisionOf(folder)} to ${stack}`)
    return infra(folder, ['up', '--yes', ...args], 'inherit').status === 0
  } finally {
    remove()
  }
}

/** `pulumi preview`, printed as Markdown. @returns whether it succeeded. */
function preview(options: Options): boolean {
  const { args, remove } = settingsOf(options)
  try {
    const { status, stdout, stderr } = infra(options.folder, ['preview', '--color', 'never', ...args], 'pipe')
    const output = (stdout + stderr).trim()
    const shown = output.length > longest ? `…\n${output.slice(-longest)}` : output
    // A fence that is longer than any in the output.
    const fence = '`'.repeat(Math.max(3, ...[...output.matchAll(/`+/g)].map(([ticks]) => ticks.length + 1)))
    const title = status === 0 ? 'What `pulumi up` would change' : '`pulumi preview` failed'
    console.log(`### ${title} on ${options.stack}\n\n${fence}\n${shown}\n${fence}`)
    return status === 0
  } finally {
    remove()
  }
}

/** Prints what is deployed, line by line as GitHub takes outputs of a step. */
function showState({ folder, stack }: Options): void {
  const args = ['pulumi', 'stack', 'output', '--json', '--stack', stack, '--non-interactive']
  const { status, stdout, stderr } = infra(folder, args, 'pipe')
  // Before the first deployment there is a stack without outputs, which is no failure.
  if (status !== 0) throw new Error(`${args.join(' ')} failed:\n${stderr}`)
  const outputs = JSON.parse(stdout) as Readonly<Record<string, string>>
  // What was deployed without a name cannot be gone back to.
  const revision = commitId.test(outputs['revision'] ?? '') ? outputs['revision'] : ''
  console.log(`revision=${revision}\nurl=${outputs['url'] ?? ''}`)
}

/** Deploys `revision` from a folder of its own, with the packages and the settings that it had. @returns whether it succeeded. */
function back(options: Options, revision: string): boolean {
  const { folder } = options
  const directory = mkdtempSync(join(tmpdir(), 'feira-back-'))
  const worktree = join(directory, 'feira')
  try {
    git(folder, 'worktree', 'add', '--detach', worktree, revision)
    const installed = spawnSync('npm', ['ci'], { cwd: worktree, stdio: 'inherit' })
    return installed.status === 0 && up({ ...options, folder: worktree })
  } finally {
    rmSync(directory, { recursive: true, force: true })
    git(folder, 'worktree', 'prune')
  }
}

function run(folder: string, args: readonly string[]): boolean {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { version: { type: 'string' }, help: { type: 'boolean', short: 'h', default: false } },
  })
  const [command, stack, revision] = positionals
  if (values.help || command === undefined) {
    console.log(help)
    return true
  }
  if (stack === undefined || !/^[a-z][\w-]*$/.test(stack)) throw new Error('Name the stack, e.g. dev.')
  const options = { folder, stack, version: values.version }
  if (command === 'up') return up(options)
  if (command === 'preview') return preview(options)
  if (command === 'state') {
    showState(options)
    return true
  }
  if (command !== 'back') throw new Error(`There is no command ${command}.\n\n${help}`)
  if (revision === undefined || !commitId.test(revision))
    throw new Error('Name the revision to go back to; `npm run deploy -- state` says what is deployed.')
  return back(options, revision)
}

if (import.meta.main) {
  try {
    process.exitCode = run(process.cwd(), process.argv.slice(2)) ? 0 : 1
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error))
    process.exitCode = 2
  }
}
