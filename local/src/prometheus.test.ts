import { readFileSync } from 'node:fs'
import path from 'node:path'
import { readConfig } from '@feira/chassis'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { localConfig } from './config.ts'
import { root } from './infra.ts'
import { localSettings, sooner } from './prometheus.ts'

const ofContainers = readFileSync(path.join(root, 'docker/prometheus/prometheus.yml'), 'utf8')
const configOf = (env: Record<string, string>) => readConfig('Feira', localConfig, env)

test('a system of npm start is asked at its ports, under the names that its services have in containers', () => {
  const { scrape_configs: jobs } = parse(localSettings(ofContainers, configOf({ ORDERS_PORT: '4001' })))
  expect(jobs.map(({ job_name }: { job_name: string }) => job_name)).toEqual(['services', 'prometheus'])
  const [services] = jobs
  expect(services.static_configs[0].targets).toContain('app-orders:3333')
  expect(services.static_configs[0].targets).toHaveLength(7)
  expect(services).not.toHaveProperty('dns_sd_configs')
  const address = { source_labels: ['__address__'], target_label: '__address__' }
  expect(services.relabel_configs).toContainEqual({
    ...address,
    regex: 'app-orders:3333',
    replacement: '127.0.0.1:4001',
  })
  // The name is taken before the address takes its place.
  const targets = services.relabel_configs.map(({ target_label }: { target_label: string }) => target_label)
  expect(targets.indexOf('instance')).toBeLessThan(targets.indexOf('__address__'))
})

test('only the services that were chosen are expected to be up', () => {
  const { scrape_configs: jobs } = parse(localSettings(ofContainers, configOf({ SERVICES: 'orders,users' })))
  expect(jobs[0].static_configs[0].targets).toEqual(['app-orders:3333', 'app-users:3335'])
})

test('alerts come sooner by what they wait for and the windows they look at, not by their thresholds or names', () => {
  const rule = 'record: x:rate5m\nexpr: rate(a_total[5m]) > 5\nfor: 10m\nscrape_interval: 15s'
  expect(sooner(rule, 5)).toBe(
    'record: x:rate5m\nexpr: rate(a_total[60000ms]) > 5\nfor: 120000ms\nscrape_interval: 3000ms',
  )
  expect(sooner(rule, 1)).toBe(rule)
})
