/** The Pulumi program: `pulumi up` in this folder. */
import * as pulumi from '@pulumi/pulumi'
import { apps } from './apps.ts'
import { readStackConfig } from './config.ts'
import { Feira } from './feira.ts'
import { rdsCertificates } from './rds-certificates.ts'

const config = readStackConfig(apps)
const feira = new Feira('feira', { stack: pulumi.getStack(), config, apps, rdsCertificates })

/** Where customers reach it. */
export const url = feira.url
/** What the domain must point to, if its zone is not in Route 53. */
export const address = feira.address
/** What is deployed. */
export const revision = config.revision
