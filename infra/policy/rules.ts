import { globSync, readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { z } from 'zod'
import { apps } from '../src/apps.ts'
import { agreesWithTheApps } from './agreement.ts'
import { bucketsAreEncrypted, storageIsEncrypted } from './encrypted.ts'
import { wildcardsHaveAReason } from './permissions.ts'
import { bucketsAreClosed, onlyTheLoadBalancerIsPublic } from './public.ts'
import type { Rule, StackRule } from './resource.ts'
import {
  containersAreKept,
  databasesAreBackedUp,
  deploymentsRollBack,
  everyAppRuns,
  logsAreForgotten,
  servicesAreWatched,
} from './running.ts'
import { secretsAreNotPlain } from './secrets.ts'

/** What must be true of each resource by itself. */
export const rules: readonly Rule[] = [
  onlyTheLoadBalancerIsPublic,
  storageIsEncrypted,
  wildcardsHaveAReason,
  secretsAreNotPlain,
  containersAreKept,
  logsAreForgotten,
  databasesAreBackedUp,
  deploymentsRollBack,
]

const root = new URL('../../', import.meta.url)
const gateway = z
  .object({ services: z.array(z.object({ host: z.string(), port: z.number(), path: z.string() })) })
  .parse(parse(readFileSync(new URL('docker/kong/kong.yml', root), 'utf8')))

/** What must be true of the stack as a whole. */
export const stackRules: readonly StackRule[] = [
  bucketsAreClosed,
  bucketsAreEncrypted,
  servicesAreWatched,
  everyAppRuns(globSync('app-*', { cwd: root })),
  agreesWithTheApps(apps, gateway.services),
]
