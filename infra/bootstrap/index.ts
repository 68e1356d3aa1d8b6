/** Run once for each AWS account, by an administrator: see README.md. What it tells is what GitHub is to be told. */
import * as aws from '@pulumi/aws'
import * as pulumi from '@pulumi/pulumi'
import { access, boundary, boundaryName } from './access.ts'
import { deployedTo } from '../src/place.ts'
import { readBootstrapConfig } from './config.ts'
import { githubProvider, githubRole, subjectsOf } from './github.ts'
import { State, stateKeyAlias } from './state.ts'

const config = readBootstrapConfig()
const place = deployedTo()

const state = new State('state', place, config.protect)
const provider = githubProvider(config)
const limit = new aws.iam.Policy(boundaryName, {
  name: boundaryName,
  description: 'What a role that a deployment makes may do at most',
  policy: boundary(place),
})
const { describing, changing } = access(place, limit.arn)
const describes = new aws.iam.Policy('feira-describe', { name: 'feira-describe', policy: describing })
const changes = Object.fromEntries(
  Object.entries(changing).map(([part, policy]) => [
    `change-${part}`,
    new aws.iam.Policy(`feira-change-${part}`, { name: `feira-change-${part}`, policy }),
  ]),
)

const subjects = subjectsOf(config)
const deploy = githubRole('deploy', provider, subjects.deploy, {
  state: state.writing,
  describe: describes,
  ...changes,
})
const preview =
  subjects.preview === undefined
    ? undefined
    : githubRole('preview', provider, subjects.preview, { state: state.reading, describe: describes })

export const AWS_REGION = place.region
export const AWS_DEPLOY_ROLE = deploy.arn
/** Empty: pull requests are not previewed here. */
export const AWS_PREVIEW_ROLE = preview?.arn ?? ''
export const PULUMI_BACKEND_URL = pulumi.interpolate`s3://${state.bucketName}`
export const PULUMI_SECRETS_PROVIDER = pulumi.interpolate`awskms://${stateKeyAlias}?region=${place.region}`
