import type { Rule, StackRule } from './resource.ts'

/** What must be set, and to what (`any`: to something), for what a type stores to be encrypted. */
const required: Readonly<Record<string, Readonly<Record<string, true | 'any'>>>> = {
  'aws:rds/instance:Instance': { storageEncrypted: true, kmsKeyId: 'any' },
  'aws:rds/cluster:Cluster': { storageEncrypted: true, kmsKeyId: 'any' },
  'aws:elasticache/replicationGroup:ReplicationGroup': {
    atRestEncryptionEnabled: true,
    kmsKeyId: 'any',
    transitEncryptionEnabled: true,
    authToken: 'any',
  },
  'aws:cloudwatch/logGroup:LogGroup': { kmsKeyId: 'any' },
  'aws:sns/topic:Topic': { kmsMasterKeyId: 'any' },
  'aws:sqs/queue:Queue': { kmsMasterKeyId: 'any' },
  'aws:secretsmanager/secret:Secret': { kmsKeyId: 'any' },
  'aws:ebs/volume:Volume': { encrypted: true },
  'aws:efs/fileSystem:FileSystem': { encrypted: true },
  'aws:kms/key:Key': { enableKeyRotation: true },
}

/** ElastiCache without replication, and tables without a place here, have no encryption that could be asked for. */
const refused = new Set(['aws:elasticache/cluster:Cluster'])

export const storageIsEncrypted: Rule = {
  name: 'storage-is-encrypted',
  description:
    'Whatever is stored is encrypted with a key of the stack, and so is what travels to the cache and the databases.',
  check({ type, props }) {
    if (refused.has(type)) return ['cannot be encrypted']
    if (type === 'aws:ecr/repository:Repository') {
      const [configuration] = (props['encryptionConfigurations'] ?? []) as {
        encryptionType?: string
        kmsKey?: string
      }[]
      return configuration?.encryptionType === 'KMS' && configuration.kmsKey
        ? []
        : ['is not encrypted with a key of the stack']
    }
    if (type === 'aws:rds/parameterGroup:ParameterGroup') {
      const parameters = (props['parameters'] ?? []) as { name: string; value: string }[]
      return parameters.some(({ name, value }) => name === 'rds.force_ssl' && value === '1')
        ? []
        : ['allows connections without TLS']
    }
    if (type === 'aws:lb/listener:Listener' && props['protocol'] === 'HTTP') {
      const actions = (props['defaultActions'] ?? []) as { type: string; redirect?: { protocol?: string } }[]
      const redirects = actions.every(action => action.type === 'redirect' && action.redirect?.protocol === 'HTTPS')
      return redirects ? [] : ['serves without TLS']
    }
    return Object.entries(required[type] ?? {})
      .filter(([property, value]) => (value === 'any' ? !props[property] : props[property] !== value))
      .map(([property, value]) => (value === 'any' ? `has no ${property}` : `does not say ${property}: ${value}`))
  },
}

export const bucketsAreEncrypted: StackRule = {
  name: 'buckets-are-encrypted',
  description: 'Every bucket says how it encrypts.',
  check(resources) {
    const encrypted = resources
      .filter(({ type }) => type.startsWith('aws:s3/bucketServerSideEncryptionConfiguration'))
      .map(({ name }) => name)
    return resources
      .filter(({ type, name }) => /^aws:s3\/bucket(V2)?:/.test(type) && !encrypted.includes(name))
      .map(({ name }) => `${name} has no BucketServerSideEncryptionConfiguration of its name`)
  },
}
