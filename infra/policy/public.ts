import type { Resource, Rule, StackRule } from './resource.ts'

/** What the load balancer is called in the program, and where it may be called. */
const front = 'load-balancer'
const frontPorts = [80, 443]

/** Kinds of things that are public by what they are. */
const publicTypes =
  /^aws:(apigateway|apigatewayv2|cloudfront|globalaccelerator|lightsail|apprunner|ec2\/instance|lambda\/functionUrl)/

export const onlyTheLoadBalancerIsPublic: Rule = {
  name: 'only-the-load-balancer-is-public',
  description: 'Nothing but the load balancer has a public address or takes connections from everywhere.',
  check(resource) {
    const { type, name, props } = resource
    switch (type) {
      case 'aws:lb/loadBalancer:LoadBalancer':
        return props['internal'] === true || name === front ? [] : ['is a public load balancer']
      case 'aws:rds/instance:Instance':
      case 'aws:rds/clusterInstance:ClusterInstance':
      case 'aws:mq/broker:Broker':
        return props['publiclyAccessible'] === false ? [] : ['does not say publiclyAccessible: false']
      case 'aws:ecs/service:Service':
        return isRecord(props['networkConfiguration']) && props['networkConfiguration']['assignPublicIp'] === false
          ? []
          : ['does not say assignPublicIp: false']
      case 'aws:ec2/subnet:Subnet':
        return props['mapPublicIpOnLaunch'] === true ? ['gives public addresses to all in it'] : []
      case 'aws:ec2/eip:Eip':
        return props['instance'] === undefined && props['networkInterface'] === undefined
          ? []
          : ['is the public address of something else than a NAT gateway']
      case 'aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule':
        return isAnywhere(props['cidrIpv4'], props['cidrIpv6']) && !isFrontDoor(resource)
          ? ['lets everybody in, and is not the load balancer']
          : []
      case 'aws:ec2/securityGroup:SecurityGroup':
      case 'aws:ec2/defaultSecurityGroup:DefaultSecurityGroup':
        return asArray(props['ingress']).length > 0
          ? ['has rules of its own: use allow(), whose rules are checked']
          : []
      case 'aws:ec2/securityGroupRule:SecurityGroupRule':
        return ['is a rule of the old kind: use allow(), whose rules are checked']
      case 'aws:s3/bucketAcl:BucketAcl':
        return String(props['acl']).startsWith('public') ? ['is a public bucket'] : []
      default:
        return publicTypes.test(type) ? ['is public by what it is'] : []
    }
  },
}

function isFrontDoor({ name, props }: Resource): boolean {
  const { fromPort, toPort } = props
  return name.startsWith(`${front}-`) && fromPort === toPort && frontPorts.includes(Number(fromPort))
}

function isAnywhere(...ranges: unknown[]): boolean {
  // Anything wider than a private network's addresses is taken for everybody.
  return ranges.some(
    range => typeof range === 'string' && !/^(10\.|172\.(1[6-9]|2\d|3[01])\.|192\.168\.|f[cd])/.test(range),
  )
}

const blocks = ['blockPublicAcls', 'blockPublicPolicy', 'ignorePublicAcls', 'restrictPublicBuckets']

export const bucketsAreClosed: StackRule = {
  name: 'buckets-are-closed',
  description: 'Every bucket has all public access blocked.',
  check(resources) {
    const closed = resources
      .filter(
        ({ type, props }) =>
          type === 'aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock' &&
          blocks.every(block => props[block] === true),
      )
      .map(({ name }) => name)
    return resources
      .filter(({ type }) => /^aws:s3\/bucket(V2)?:/.test(type))
      .filter(({ name }) => !closed.includes(name))
      .map(({ name }) => `${name} has no BucketPublicAccessBlock of its name that blocks everything`)
  },
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function asArray(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}
