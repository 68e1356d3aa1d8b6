import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'

vi.setConfig({ testTimeout: 60_000 })

/**
 * Stands where the Pulumi CLI stands: notes what it was told and what it saw, saves `--config` as Pulumi does, and keeps
 * what is deployed in a file.
 */
const pulumi = `#!/usr/bin/env node
const { appendFileSync, existsSync, readFileSync, writeFileSync } = require('node:fs')
const args = process.argv.slice(2)
const option = name => args[args.indexOf(name) + 1]
const state = process.env.FAKE_STATE
const [command] = args
if (command === 'stack') {
  if (process.env.FAKE_FAILS) process.exit(255)
  console.log(existsSync(state) ? readFileSync(state, 'utf8') : '{}')
} else {
  const settings = option('--config-file')
  const config = args.filter((_, index) => args[index - 1] === '--config')
  appendFileSync(process.env.FAKE_LOG, JSON.stringify({ command, stack: option('--stack'), config,
    settings: readFileSync(settings, 'utf8'), program: readFileSync('index.ts', 'utf8'), yes: args.includes('--yes'), policies: option('--policy-pack') }) + '\\n')
  writeFileSync(settings, 'overwritten')
  console.log(process.env.FAKE_OUTPUT ?? '+ 1 to create')
  if (process.env.FAKE_FAILS) process.exit(255)
  const [, revision] = config[0].split('=')
  if (command === 'up') writeFileSync(state, JSON.stringify({ revision, url: 'https://feira.example' }))
}
`

/** A repository with a program of infrastructure in two revisions, and that CLI. */
function repository() {
  const directory = mkdtempSync(join(tmpdir(), 'feira-deploy-test-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const [folder, bin, log] = [join(directory, 'feira'), join(directory, 'bin'), join(directory, 'log')]
  mkdirSync(join(folder, 'infra'), { recursive: true })
  mkdirSync(bin)
  writeFileSync(join(bin, 'pulumi'), pulumi)
  chmodSync(join(bin, 'pulumi'), 0o755)
  const git = (...args: readonly string[]) =>
    execFileSync('git', ['-c', 'user.name=Ana', '-c', 'user.email=ana@example.com', ...args], {
      cwd: folder,
      encoding: 'utf8',
    }).trim()
  const write = (file: string, text: string) => writeFileSync(join(folder, file), text)
  const commit = (program: string) => {
    write('infra/index.ts', program)
    git('add', '--all')
    git('commit', '--quiet', '--message', program)
    return git('rev-parse', 'HEAD')
  }
  const [root, program] = [
    { name: 'feira', workspaces: ['infra'] },
    { name: '@feira/infra', version: '1.0.0' },
  ]
  const scripts = {
    up: 'pulumi up --policy-pack policy',
    preview: 'pulumi preview --policy-pack policy',
    pulumi: 'pulumi',
  }
  write('package.json', JSON.stringify(root))
  write('infra/package.json', JSON.stringify({ ...program, scripts }))
  const packages = { '': root, infra: program, 'node_modules/@feira/infra': { resolved: 'infra', link: true } }
  write('package-lock.json', JSON.stringify({ ...root, lockfileVersion: 3, packages }))
  write('.gitignore', 'node_modules')
  write('infra/Pulumi.dev.yaml', 'config: {}')
  git('init', '--quiet')
  const deploy = (args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(import.meta.dirname, 'deploy.ts'), ...args], {
      cwd: folder,
      encoding: 'utf8',
      env: {
        PATH: [bin, dirname(process.execPath), '/usr/local/bin', '/usr/bin', '/bin'].join(delimiter),
        HOME: directory,
        FAKE_STATE: join(directory, 'state'),
        FAKE_LOG: log,
        ...env,
      },
    })
    return { status, output: stdout + stderr }
  }
  const told = () =>
    existsSync(log)
      ? readFileSync(log, 'utf8')
          .trim()
          .split('\n')
          .map(line => JSON.parse(line) as unknown)
      : []
  return { folder, git, write, commit, deploy, told }
}

test('deploys what is checked out under the name of its commit, and leaves the settings as they were', () => {
  const { deploy, commit, told, git } = repository()
  const revision = commit('first')
  expect(deploy(['state', 'dev'])).toEqual({ status: 0, output: 'revision=\nurl=\n' })
  expect(deploy(['up', 'dev', '--version', '0.2.0'])).toMatchObject({ status: 0 })
  const config = [`revision=${revision}`, 'version=0.2.0']
  expect(told()).toEqual([
    { command: 'up', stack: 'dev', config, settings: 'config: {}', program: 'first', yes: true, policies: 'policy' },
  ])
  expect(git('status', '--porcelain')).toBe('')
  expect(deploy(['state', 'dev']).output).toBe(`revision=${revision}\nurl=https://feira.example\n`)
})

test('says so when it fails', () => {
  const { deploy, commit } = repository()
  commit('first')
  expect(deploy(['up', 'dev'], { FAKE_FAILS: 'yes' })).toMatchObject({ status: 1 })
  // What cannot be read is not what was never deployed: nobody could go back to it.
  expect(deploy(['state', 'dev'], { FAKE_FAILS: 'yes' })).toMatchObject({ status: 2 })
})

test('goes back to an earlier revision, with the program that it had, and cleans up', () => {
  const { deploy, commit, told, git } = repository()
  const first = commit('first')
  deploy(['up', 'dev'])
  const second = commit('second')
  deploy(['up', 'dev'])
  expect(deploy(['back', 'dev', first])).toMatchObject({ status: 0 })
  expect(told()).toMatchObject([
    { program: 'first' },
    { program: 'second' },
    { program: 'first', config: [`revision=${first}`] },
  ])
  expect(deploy(['state', 'dev']).output).toContain(`revision=${first}\n`)
  expect(git('rev-parse', 'HEAD')).toBe(second)
  expect(git('worktree', 'list').split('\n')).toHaveLength(1)
  expect(deploy(['back', 'dev', first], { FAKE_FAILS: 'yes' })).toMatchObject({ status: 1 })
  expect(deploy(['back', 'dev', '0000000'])).toMatchObject({ status: 2 })
})

test('shows what would change in Markdown, also what failed, and no more than a comment holds', () => {
  const { deploy, commit, told } = repository()
  commit('first')
  const fine = deploy(['preview', 'dev'])
  expect(fine.output).toBe('### What `pulumi up` would change on dev\n\n```\n+ 1 to create\n```\n')
  expect(told()).toMatchObject([{ command: 'preview', yes: false }])
  const failed = deploy(['preview', 'dev'], { FAKE_FAILS: 'yes', FAKE_OUTPUT: 'a ``` fence' })
  expect(failed).toEqual({ status: 1, output: '### `pulumi preview` failed on dev\n\n````\na ``` fence\n````\n' })
  const long = deploy(['preview', 'dev'], { FAKE_OUTPUT: `${'x'.repeat(70_000)} the end` })
  expect(long.output.length).toBeLessThan(65_536)
  expect(long.output).toContain('the end')
})

test('deploys nothing that has no name', () => {
  const { deploy, commit, write, told } = repository()
  commit('first')
  write('infra/index.ts', 'changed')
  expect(deploy(['up', 'dev'])).toMatchObject({ status: 2, output: expect.stringContaining('differs from its commit') })
  expect(told()).toEqual([])
})

test.each([
  [['up'], /Name the stack/],
  [['up', '--force'], /--force/],
  [['up', 'staging'], /There is no stack staging/],
  [['down', 'dev'], /There is no command down/],
  [['back', 'dev'], /Name the revision/],
  [['back', 'dev', '--', '--help'], /Name the revision/],
] as const)('does nothing when it was asked nonsense: %j', (args, message) => {
  const { deploy, commit, told } = repository()
  commit('first')
  const { status, output } = deploy(args)
  expect(output).toMatch(message)
  expect(status).toBe(2)
  expect(told()).toEqual([])
})
