import { parse } from 'yaml'
import { scriptCallsOf, type ScriptCall } from './documentation.ts'

/** A workflow of GitHub Actions, as far as it is judged here. */
export interface Workflow {
  /** Its name in `.github/workflows`. */
  readonly file: string
  readonly text: string
  readonly on: Readonly<Record<string, unknown>>
  readonly permissions: Permissions
  readonly concurrency: Concurrency | undefined
  readonly jobs: Readonly<Record<string, Job>>
}

type Permissions = Readonly<Record<string, string>> | string | undefined

interface Concurrency {
  readonly group?: string
  readonly 'cancel-in-progress'?: boolean | string
}

interface Job {
  readonly permissions?: Permissions
  readonly 'timeout-minutes'?: number
  readonly uses?: string
  readonly with?: Readonly<Record<string, unknown>>
  readonly environment?: unknown
  readonly concurrency?: Concurrency
  readonly steps?: readonly Step[]
}

interface Step {
  readonly name?: string
  readonly uses?: string
  readonly run?: string
  readonly with?: Readonly<Record<string, unknown>>
}

/** The repository that a workflow works in. */
export interface Repository {
  readonly exists: (path: string) => boolean
  readonly hasScript: (call: ScriptCall) => boolean
}

/** @throws when it is no YAML. */
export function readWorkflow(file: string, text: string): Workflow {
  const { on, permissions, concurrency, jobs } = parse(text) as Workflow
  return { file, text, on, permissions, concurrency, jobs }
}

const jobsOf = ({ jobs }: Workflow) => Object.entries(jobs)
const stepsOf = (workflow: Workflow) =>
  jobsOf(workflow).flatMap(([job, { steps = [] }]) => steps.map(step => ({ job, step })))

/** The shell scripts of its steps. */
export function scriptsOf(workflow: Workflow): string[] {
  return stepsOf(workflow).flatMap(({ step }) => step.run ?? [])
}

/** Every action and workflow that it uses, with the comment behind it. */
export function usesOf({ text }: Workflow): { readonly action: string; readonly comment: string }[] {
  return [...text.matchAll(/^[ -]*uses: *(\S+)(?: +# *(.*))?$/gm)].map(([, action = '', comment = '']) => ({
    action: action.replaceAll(/^['"]|['"]$/g, ''),
    comment,
  }))
}

/** An action of somebody else is the commit that was looked at, whatever a tag says later. */
export function unpinned(workflow: Workflow): string[] {
  return usesOf(workflow).flatMap(({ action, comment }) => {
    if (action.startsWith('./')) return []
    if (!/^[\w.-]+\/[\w./-]+@[0-9a-f]{40}$/.test(action)) return [`${action} is not pinned by a commit`]
    return /^v\d+\.\d+\.\d+$/.test(comment) ? [] : [`${action} does not say which version it is`]
  })
}

/** Where two workflows use an action, it is the same one. */
export function disagreeing(workflows: readonly Workflow[]): string[] {
  const commits = new Map<string, Set<string>>()
  for (const { action } of workflows.flatMap(usesOf)) {
    const [name = '', commit = ''] = action.split('@')
    const repository = name.split('/').slice(0, 2).join('/')
    commits.set(repository, (commits.get(repository) ?? new Set()).add(commit))
  }
  return [...commits].filter(([, found]) => found.size > 1).map(([name]) => `${name} is pinned by several commits`)
}

/** The npm scripts that it runs. */
export function callsOf(workflow: Workflow): ScriptCall[] {
  return scriptsOf(workflow).flatMap(scriptCallsOf)
}

/** The files and folders that its scripts and its comments name. */
export function pathsOf(workflow: Workflow): string[] {
  const comments = [...workflow.text.matchAll(/^ *# (.*)$/gm)].map(([, comment = '']) => comment)
  const words = [...scriptsOf(workflow), ...comments].flatMap(text => text.split(/[\s'"`()=:;,]+/))
  const local = usesOf(workflow).flatMap(({ action }) => (action.startsWith('./') ? action.slice(2) : []))
  const named = words
    .map(word => word.replace(/\.$/, ''))
    .filter(word => /^\.?[\w-]+(?:\/[\w.-]+)*(?:\/[\w-]+|\.(?:ts|mjs|js|json|ya?ml|md|sh))$/.test(word))
  return [...new Set([...local, ...named])]
}

/** What it names and there is not. */
export function missing(workflow: Workflow, { exists, hasScript }: Repository): string[] {
  const calls = callsOf(workflow).filter(call => !hasScript(call))
  const paths = pathsOf(workflow).filter(path => !exists(path) && !exists(`.github/workflows/${path}`))
  return [
    ...calls.map(({ script, workspace }) => `there is no script ${script}${workspace ? ` in ${workspace}` : ''}`),
    ...paths.map(path => `there is no ${path}`),
  ]
}

/** Nobody may do anything by default; each job says what it may. */
export function unrestricted(workflow: Workflow): string[] {
  const { permissions } = workflow
  const byDefault = typeof permissions === 'object' && Object.keys(permissions).length === 0
  return [
    ...(byDefault ? [] : ['its permissions are not {} by default']),
    ...jobsOf(workflow)
      .filter(([, job]) => typeof job.permissions !== 'object')
      .map(([name]) => `${name} does not list its permissions`),
  ]
}

/** What its jobs may write, as `job: scope`. */
export function writesOf(workflow: Workflow): string[] {
  return jobsOf(workflow).flatMap(([name, { permissions = {} }]) =>
    Object.entries(permissions).flatMap(([scope, access]) => (access === 'write' ? [`${name}: ${scope}`] : [])),
  )
}

/** A job that hangs ends; one that calls a workflow cannot say when. */
export function endless(workflow: Workflow): string[] {
  return jobsOf(workflow)
    .filter(([, job]) => job.uses === undefined && !Number.isInteger(job['timeout-minutes']))
    .map(([name]) => `${name} has no timeout-minutes`)
}

/** Runs of one kind follow on one another or replace one another; what deploys is never broken off. */
export function uncontrolled(workflow: Workflow): string[] {
  return [
    ...(workflow.concurrency?.group?.includes('${{') ? [] : ['it has no concurrency group of its own']),
    ...jobsOf(workflow)
      .filter(([, { environment }]) => environment !== undefined)
      .filter(
        ([, job]) =>
          job.concurrency?.['cancel-in-progress'] !== false || workflow.concurrency?.['cancel-in-progress'] !== false,
      )
      .map(([name]) => `${name} deploys, and could be broken off`),
  ]
}

/**
 * What GitHub refuses before a run begins, where one workflow calls another: inputs that it does not take or misses, and jobs
 * that want more permissions than the caller's job has, even if they are skipped.
 */
export function miscalled(workflow: Workflow, all: readonly Workflow[]): string[] {
  return jobsOf(workflow).flatMap(([name, job]) => {
    const called = all.find(({ file }) => job.uses === `./.github/workflows/${file}`)
    if (!called) return []
    const { inputs = {} } = (called.on['workflow_call'] ?? {}) as Callable
    const given = Object.keys(job.with ?? {})
    return [
      ...('workflow_call' in called.on ? [] : [`${name}: ${called.file} cannot be called`]),
      ...given.filter(input => !(input in inputs)).map(input => `${name}: ${called.file} takes no ${input}`),
      ...Object.entries(inputs)
        .filter(([input, { required }]) => required === true && !given.includes(input))
        .map(([input]) => `${name}: ${called.file} needs ${input}`),
      ...jobsOf(called).flatMap(([inner, { permissions }]) =>
        Object.entries(permissions ?? {})
          .filter(([scope, access]) => rank(access) > rank(permissionOf(job, scope)))
          .map(([scope, access]) => `${name}: ${inner} of ${called.file} wants ${scope}: ${access}`),
      ),
    ]
  })
}

interface Callable {
  readonly inputs?: Readonly<Record<string, { readonly required?: boolean }>>
}

const rank = (access: string | undefined) => ['none', 'read', 'write'].indexOf(access ?? 'none')

function permissionOf({ permissions }: Job, scope: string): string | undefined {
  return typeof permissions === 'object' ? permissions[scope] : undefined
}

/** Text of other people never becomes part of a script: it comes in by the environment. */
export function injectable(workflow: Workflow): string[] {
  return stepsOf(workflow)
    .filter(({ step }) => step.run?.includes('${{') || (step.uses?.startsWith('actions/github-script@') ?? false))
    .map(({ job, step }) => `${job}: an expression becomes part of the script ${step.name ?? step.run ?? ''}`)
}

/** Triggers that run with the repository's rights what a stranger has written. */
export function open(workflow: Workflow): string[] {
  return ['pull_request_target', 'workflow_run', 'issue_comment']
    .filter(trigger => trigger in workflow.on)
    .map(trigger => `it runs on ${trigger}`)
}

/** A token in the working copy is there for whatever else runs in the job. */
export function careless(workflow: Workflow): string[] {
  return stepsOf(workflow)
    .filter(({ step }) => step.uses?.startsWith('actions/checkout@') && step.with?.['persist-credentials'] !== false)
    .map(({ job }) => `${job}: the checkout keeps its token`)
}

/** Roles are assumed by a token of the moment: no key of AWS and no token of Pulumi is kept. */
export function keyed(workflow: Workflow): string[] {
  const keys = /aws-access-key-id|aws-secret-access-key|AWS_(?:ACCESS_KEY_ID|SECRET_ACCESS_KEY)|PULUMI_ACCESS_TOKEN/g
  const roles = stepsOf(workflow).filter(({ step }) => step.uses?.startsWith('aws-actions/configure-aws-credentials@'))
  return [
    ...new Set([...workflow.text.matchAll(keys)].map(([key]) => `it uses the long-lived ${key}`)),
    ...roles
      .filter(({ step }) => !/^\$\{\{ vars\.\w+ \}\}$/.test(String(step.with?.['role-to-assume'])))
      .map(({ job }) => `${job}: the role is no variable`),
  ]
}

/** The settings of the repository that it reads, as `vars.X` and `secrets.X`. */
export function settingsOf({ text }: Workflow): string[] {
  return [...text.matchAll(/\b(?:vars|secrets)\.([A-Z]\w+)/g)].map(([, name = '']) => name)
}

interface Dependabot {
  readonly updates: readonly {
    readonly 'package-ecosystem': string
    readonly directory?: string
    readonly directories?: readonly string[]
    readonly groups?: object
  }[]
}

/** Folders, by what keeps their dependencies, that Dependabot does not look into, and updates that come one by one. */
export function neglected(dependabot: Dependabot, folders: Readonly<Record<string, readonly string[]>>): string[] {
  const covered = (ecosystem: string, folder: string) =>
    dependabot.updates
      .filter(update => update['package-ecosystem'] === ecosystem)
      .flatMap(({ directory, directories = [] }) => [...directories, ...(directory === undefined ? [] : [directory])])
      .some(pattern => new RegExp(`^${pattern.replace(/(?<=.)\/$/, '').replaceAll('*', '[^/]*')}$`).test(folder))
  return [
    ...Object.entries(folders).flatMap(([ecosystem, all]) =>
      all.filter(folder => !covered(ecosystem, folder)).map(folder => `${ecosystem} in ${folder} is not looked at`),
    ),
    ...dependabot.updates
      .filter(({ groups }) => groups === undefined)
      .map(update => `${update['package-ecosystem']} is not grouped`),
  ]
}
