/** What AWS would answer, as far as the program looks at it. */

const region = 'eu-west-1'
const accountId = '123456789012'

/** The outputs of a resource that was just made: what it was given, and what AWS adds. */
export function stateOf(type: string, name: string, inputs: Record<string, unknown>): Record<string, unknown> {
  const [, module = '', kind = ''] = /^aws:([^/]+)\/[^:]+:(\w+)$/.exec(type) ?? []
  return {
    name: `${name}-name`,
    ...inputs,
    arn: `arn:aws:${module}:${region}:${accountId}:${kind.toLowerCase()}/${name}`,
    ...added(type, name),
  }
}

function added(type: string, name: string): Record<string, unknown> {
  switch (type) {
    case 'aws:rds/instance:Instance':
      return { address: `${name}.${region}.rds.amazonaws.com` }
    case 'aws:mq/broker:Broker':
      return { instances: [{ endpoints: [`amqps://${name}.mq.${region}.amazonaws.com:5671`] }] }
    case 'aws:elasticache/replicationGroup:ReplicationGroup':
      return { primaryEndpointAddress: `${name}.cache.amazonaws.com` }
    case 'aws:ecr/repository:Repository':
      return { repositoryUrl: `${accountId}.dkr.ecr.${region}.amazonaws.com/${name}` }
    case 'aws:lb/loadBalancer:LoadBalancer':
      return { dnsName: `${name}.${region}.elb.amazonaws.com`, zoneId: 'Z1', arnSuffix: `app/${name}/1` }
    case 'aws:lb/targetGroup:TargetGroup':
      return { arnSuffix: `targetgroup/${name}/1` }
    case 'aws:secretsmanager/secretVersion:SecretVersion':
      return { versionId: '11111111-2222-3333-4444-555555555555' }
    case 'aws:acm/certificate:Certificate':
      return {
        domainValidationOptions: [
          { resourceRecordName: '_1.example', resourceRecordType: 'CNAME', resourceRecordValue: '_2.example' },
        ],
      }
    case 'aws:acm/certificateValidation:CertificateValidation':
      return { certificateArn: `arn:aws:acm:${region}:${accountId}:certificate/1` }
    case 'aws:route53/record:Record':
      return { fqdn: `${name}.example` }
    case 'aws:kms/key:Key':
      return { keyId: `${name}-key-id` }
    case 'docker-build:index:Image':
      return { ref: `${accountId}.dkr.ecr.${region}.amazonaws.com/${name}@sha256:${'a'.repeat(64)}` }
    case 'random:index/randomPassword:RandomPassword':
      return { result: `password-of-${name}-0123456789012345678901234567890` }
    case 'random:index/randomId:RandomId':
      return { hex: 'cafe' }
    default:
      return {}
  }
}

export function answerCall(token: string, inputs: Record<string, unknown>): Record<string, unknown> {
  switch (token) {
    case 'aws:index/getRegion:getRegion':
      return { ...inputs, region }
    case 'aws:index/getCallerIdentity:getCallerIdentity':
      return { ...inputs, accountId }
    case 'aws:index/getAvailabilityZones:getAvailabilityZones':
      return { ...inputs, names: ['a', 'b', 'c'].map(zone => `${region}${zone}`) }
    case 'aws:ecr/getAuthorizationToken:getAuthorizationToken':
      return { ...inputs, userName: 'AWS', password: 'token-of-ecr' }
    case 'aws:route53/getZone:getZone':
      return { ...inputs, zoneId: 'Z2' }
    default:
      throw new Error(`${token} has no answer here`)
  }
}
