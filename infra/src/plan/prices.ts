/**
 * What AWS charges in Ireland (eu-west-1), in USD, without discounts, free tiers and taxes. Where no price for Ireland could
 * be found, it is the one of us-east-1 and says so: Ireland is 5 to 12 % dearer.
 */
export interface Price {
  readonly usd: number
  readonly per: 'hour' | 'month'
  readonly source: string
  /** A day on which the source said so. */
  readonly on: string
  readonly region?: 'us-east-1'
}

/** What AWS counts a month as. */
export const hoursOfMonth = 730

/** The price of one for a month. */
export function monthly({ usd, per }: Price): number {
  return per === 'hour' ? usd * hoursOfMonth : usd
}

const priceList = 'https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws'

/** From the price list of a service for Ireland; `version` is the moment of its publication. */
function listed(usd: number, per: Price['per'], service: string, version: string): Price {
  const on = `${version.slice(0, 4)}-${version.slice(4, 6)}-${version.slice(6, 8)}`
  return { usd, per, source: `${priceList}/${service}/${version}/eu-west-1/index.json`, on }
}

function abroad(usd: number, per: Price['per'], source: string, on: string): Price {
  return { usd, per, source, on, region: 'us-east-1' }
}

/** As it was billed in Ireland: the amount by the hours or gigabytes of the usage type. */
function billed(usd: number, per: Price['per'], usageType: string, on: string): Price {
  return { usd, per, source: `a bill (Cost Explorer, ${usageType})`, on }
}

const mq = 'https://aws.amazon.com/amazon-mq/pricing/'
const cache = `${priceList}/AmazonElastiCache/current/us-east-1/index.json`
const rds = `${priceList}/AmazonRDS/current/us-east-1/index.json`
const ecs = '20260911124425'
const cloudWatch = '20260922021715'

export const prices = {
  /** Of a processor, and of 1 GiB of memory, by architecture. */
  fargate: {
    X86_64: {
      cpu: listed(0.04048, 'hour', 'AmazonECS', ecs),
      memory: listed(0.004445, 'hour', 'AmazonECS', ecs),
    },
    ARM64: {
      cpu: {
        usd: 0.03238,
        per: 'hour',
        source: `${priceList}/AmazonECS/current/eu-west-1/index.json`,
        on: '2026-05-01',
      },
      memory: {
        usd: 0.00356,
        per: 'hour',
        source: `${priceList}/AmazonECS/current/eu-west-1/index.json`,
        on: '2026-05-01',
      },
    },
  },

  natGateway: listed(0.048, 'hour', 'AmazonEC2', '20260925174521'),
  natGigabyte: listed(0.048, 'month', 'AmazonEC2', '20260925174521'),
  publicAddress: listed(0.005, 'hour', 'AmazonVPC', '20260917190528'),
  gigabyteOut: listed(0.09, 'month', 'AWSDataTransfer', '20260916132208'),
  loadBalancer: billed(0.0252, 'hour', 'EU-LoadBalancerUsage', '2026-07-31'),
  loadBalancerUnit: listed(0.008, 'hour', 'AWSELB', '20260911124544'),

  /** PostgreSQL in one zone; a standby in a second one costs as much again. */
  databaseInstance: {
    'db.t4g.micro': billed(0.017, 'hour', 'EU-InstanceUsage:db.t4g.micro', '2026-07-31'),
    'db.t4g.small': billed(0.035, 'hour', 'EU-InstanceUsage:db.t4g.small', '2026-05-31'),
    'db.t4g.medium': abroad(0.065, 'hour', rds, '2026-04-30'),
    'db.t4g.large': abroad(0.129, 'hour', rds, '2026-04-30'),
    'db.m7g.large': abroad(0.168, 'hour', rds, '2026-04-30'),
    'db.m7g.xlarge': abroad(0.337, 'hour', rds, '2026-04-30'),
  },
  databaseGigabyte: billed(0.127, 'month', 'EU-RDS:GP3-Storage', '2026-07-31'),
  backupGigabyte: abroad(0.095, 'month', rds, '2026-07-28'),

  /** Of one node. */
  brokerNode: {
    'mq.m7g.medium': abroad(0.1367, 'hour', mq, '2026-09-01'),
    'mq.m7g.large': abroad(0.2734, 'hour', mq, '2026-09-13'),
  },
  brokerGigabyte: abroad(0.1, 'month', mq, '2026-09-13'),

  /** Of one node with Valkey. */
  cacheNode: {
    'cache.t4g.micro': abroad(0.0128, 'hour', cache, '2026-10-02'),
    'cache.t4g.small': abroad(0.0256, 'hour', cache, '2026-10-02'),
    'cache.m7g.large': abroad(0.1264, 'hour', cache, '2026-10-02'),
    'cache.m7g.xlarge': abroad(0.252, 'hour', cache, '2026-10-02'),
  },

  secret: listed(0.4, 'month', 'AWSSecretsManager', '20260911124610'),
  /** Alike in all regions. */
  key: { usd: 1, per: 'month', source: 'https://aws.amazon.com/kms/pricing/', on: '2026-10-02' },

  /** Of each metric that an alarm looks at. */
  alarmMetric: listed(0.1, 'month', 'AmazonCloudWatch', cloudWatch),
  compositeAlarm: abroad(0.5, 'month', 'https://aws.amazon.com/cloudwatch/pricing/', '2026-10-02'),
  /** Of the first 10,000 that AWS does not make itself. */
  customMetric: listed(0.3, 'month', 'AmazonCloudWatch', cloudWatch),
  logGigabyte: listed(0.57, 'month', 'AmazonCloudWatch', cloudWatch),
  logGigabyteKept: listed(0.03, 'month', 'AmazonCloudWatch', cloudWatch),

  imageGigabyte: listed(0.1, 'month', 'AmazonECR', ecs),
  objectGigabyte: listed(0.023, 'month', 'AmazonS3', '20260928230416'),
  thousandWrites: listed(0.005, 'month', 'AmazonS3', '20260928230416'),
} as const satisfies Record<string, Price | Readonly<Record<string, Price | Readonly<Record<string, Price>>>>>
