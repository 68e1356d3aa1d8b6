import * as pulumi from '@pulumi/pulumi'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { answerCall, stateOf } from './plan/mocks.ts'
import { optionsOf, plan, type PlannedResource } from './plan/plan.ts'
import { programTimeout, runProgram, type ProgramOptions, type ProgramRun } from './testing/run-program.ts'

const folder = fileURLToPath(new URL('../', import.meta.url))
const stack: Omit<ProgramOptions, 'preview'> = {
  folder,
  stack: 'dev',
  config: { ...optionsOf('dev'), 'feira:revision': 'e79bd6a' },
  secrets: { 'feira:smtpUrl': 'smtps://feira:secret@mail.feira.example:465' },
  made: stateOf,
  answered: answerCall,
}

let planned: readonly PlannedResource[]
let previewed: ProgramRun
let upped: ProgramRun
beforeAll(async () => {
  ;[previewed, upped] = await Promise.all([
    runProgram({ ...stack, preview: true }),
    runProgram({ ...stack, preview: false }),
  ])
  planned = await plan('dev')
}, 2 * programTimeout)

describe.each([
  { command: 'pulumi preview', result: () => previewed, address: 'unknown' },
  { command: 'pulumi up', result: () => upped, address: 'load-balancer.eu-west-1.elb.amazonaws.com' },
])('$command', ({ result, address }) => {
  test('runs the program to its end', () => {
    expect({ ...result(), resources: [] }).toMatchObject({ exitCode: 0, messages: [], printed: '' })
  })

  test('registers what the plan says', () => {
    expect(result().resources.map(nameOf).toSorted()).toEqual(
      ['pulumi:pulumi:Stack feira-dev', ...planned.map(nameOf)].toSorted(),
    )
  })

  test('tells where it is to be reached, as far as that is known', () => {
    const { address: found, ...rest } = result().outputs
    expect(rest).toEqual({ url: 'https://dev.feira.example', revision: 'e79bd6a' })
    expect(pulumi.isUnknown(found) ? 'unknown' : found).toBe(address)
  })

  test('is run where its paths lead to what is there', () => {
    const { resources, workingFolder } = result()
    const images = resources.filter(({ type }) => type === 'docker-build:index:Image')
    const contexts = images.map(({ inputs }) => (inputs['context'] as { location: string }).location)
    const dockerfiles = images.map(({ inputs }) => (inputs['dockerfile'] as { location: string }).location)
    const commands = resources.filter(({ type }) => type === 'command:local:Command')
    const scripts = commands.map(({ inputs }) => String(inputs['create']).split(' ')[1] ?? '')
    expect([...dockerfiles, ...scripts].filter(path => !existsSync(join(workingFolder, path)))).toEqual([])
    expect(dockerfiles.length * scripts.length).toBeGreaterThan(0)
    expect(new Set(contexts.map(path => resolve(workingFolder, path)))).toEqual(new Set([resolve(folder, '..')]))
  })
})

const nameOf = ({ type, name }: { readonly type: string; readonly name: string }) => `${type} ${name}`

test(
  'a stack whose options are wrong is told so, and nothing else',
  async () => {
    const { 'feira:zones': _, ...rest } = stack.config
    const run = await runProgram({
      ...stack,
      preview: true,
      config: { ...rest, 'feira:domain': 'Feira', 'feira:colour': 'red' },
      secrets: {},
    })
    expect(run.messages).toHaveLength(1)
    expect(run.messages[0]?.split('\n')).toEqual([
      'The stack is not configured: 4 of its options missing or wrong.',
      expect.stringMatching(/^ {2}feira:domain is wrong: must be a domain name/),
      expect.stringMatching(/^ {2}feira:zones is missing/),
      '  feira:colour is not an option',
      expect.stringMatching(/^ {2}feira:smtpUrl is missing/),
      expect.stringContaining('infra/README.md'),
    ])
    // The code by which a program says that it has told why.
    expect(run).toMatchObject({ exitCode: 32, printed: '', outputs: {} })
    expect(run.resources.map(({ type }) => type)).toEqual(['pulumi:pulumi:Stack'])
  },
  2 * programTimeout,
)
