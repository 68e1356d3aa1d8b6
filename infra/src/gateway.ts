import * as aws from '@pulumi/aws'
import * as pulumi from '@pulumi/pulumi'
import { FargateService } from './fargate-service.ts'
import { FargateTask } from './fargate-task.ts'
import { blockPublicAccess } from './bucket.ts'
import type { BuiltImage } from './images.ts'
import type { Platform } from './platform.ts'
import { policyDocument } from './policy-document.ts'
import { allow, allowOutside, securityGroup } from './security-group.ts'

const proxyPort = 8_000
/** Where Kong tells of itself. */
export const statusPort = 8_100

export interface GatewayArgs {
  readonly platform: Platform
  readonly image: BuiltImage
  /** What must run before it is of use. */
  readonly after: readonly pulumi.Resource[]
}

/** The way in: a load balancer, the only thing here with a public address, and Kong behind it. */
export class Gateway extends pulumi.ComponentResource {
  readonly task: FargateTask
  readonly loadBalancer: aws.lb.LoadBalancer
  readonly targetGroup: aws.lb.TargetGroup
  readonly url: string

  constructor(name: string, args: GatewayArgs, options: pulumi.ComponentResourceOptions) {
    super('feira:infra:Gateway', name, {}, options)
    const child = { parent: this }
    const { platform } = args
    const { config, network, stack } = platform
    this.url = `https://${config.domain}`

    this.task = new FargateTask(
      name,
      {
        platform,
        image: args.image.ref,
        repositoryArn: args.image.repositoryArn,
        size: config.gateway,
        port: proxyPort,
        extraPorts: { status: statusPort },
        environment: {
          KONG_DATABASE: 'off',
          KONG_DECLARATIVE_CONFIG: '/opt/kong/kong.yml',
          KONG_PREFIX: '/var/run/kong',
          KONG_PROXY_LISTEN: `0.0.0.0:${proxyPort} reuseport backlog=16384`,
          KONG_ADMIN_LISTEN: 'off',
          KONG_ADMIN_GUI_LISTEN: 'off',
          KONG_STATUS_LISTEN: `0.0.0.0:${statusPort}`,
          KONG_PROXY_ACCESS_LOG: '/dev/stdout',
          KONG_PROXY_ERROR_LOG: '/dev/stderr',
          KONG_NGINX_WORKER_PROCESSES: String(Math.max(1, Math.floor(config.gateway.cpu / 1_024))),
          KONG_TRACING_INSTRUMENTATIONS: config.grafanaEndpoint === undefined ? 'off' : 'all',
          KONG_TRACING_SAMPLING_RATE: String(config.tracesShare),
          KONG_NGINX_PROXY_PROXY_NEXT_UPSTREAM_TIMEOUT: '5s',
          KONG_ANONYMOUS_REPORTS: 'off',
          // Only the load balancer may say for whom a request is.
          KONG_TRUSTED_IPS: network.publicCidrs.join(','),
          KONG_REAL_IP_HEADER: 'X-Forwarded-For',
          KONG_REAL_IP_RECURSIVE: 'on',
          // Longer than the load balancer keeps a connection (60 s), which must never use one that is being closed.
          KONG_NGINX_HTTP_KEEPALIVE_TIMEOUT: '75s',
        },
        health: ['CMD', 'kong', 'health'],
        metrics: { service: 'gateway', port: statusPort, path: '/metrics' },
        writable: ['/var/run/kong', '/tmp'],
      },
      child,
    )
    allowOutside({ name, group: this.task.group }, 443, { parent: this.task })

    const front = { name: 'load-balancer', group: securityGroup('load-balancer', network.vpcId, 'the way in', child) }
    for (const port of [80, 443]) {
      new aws.vpc.SecurityGroupIngressRule(
        `load-balancer-from-anywhere-${port}`,
        {
          securityGroupId: front.group.id,
          ipProtocol: 'tcp',
          fromPort: port,
          toPort: port,
          cidrIpv4: '0.0.0.0/0',
          description: 'the public',
        },
        child,
      )
    }
    for (const port of [proxyPort, statusPort]) {
      allow(front, { name, group: this.task.group }, port, { parent: this.task })
    }

    this.loadBalancer = new aws.lb.LoadBalancer(
      'load-balancer',
      {
        name: `feira-${stack}`,
        loadBalancerType: 'application',
        internal: false,
        subnets: [...network.publicSubnetIds],
        securityGroups: [front.group.id],
        idleTimeout: 60,
        dropInvalidHeaderFields: true,
        desyncMitigationMode: 'defensive',
        enableDeletionProtection: config.protect,
        accessLogs: { enabled: true, bucket: accessLogBucket(name, platform, child) },
      },
      // Without its way to the internet a public one is refused.
      { ...child, dependsOn: [network] },
    )
    this.targetGroup = new aws.lb.TargetGroup(
      name,
      {
        vpcId: network.vpcId,
        targetType: 'ip',
        protocol: 'HTTP',
        port: proxyPort,
        // Kong serves what it has read of kong.yml from its first moment on; this tells that it has read it.
        healthCheck: { path: '/status/ready', port: String(statusPort), interval: 10, timeout: 5, healthyThreshold: 2 },
        deregistrationDelay: 20,
      },
      child,
    )
    const zoneId =
      config.hostedZone === undefined ? undefined : aws.route53.getZoneOutput({ name: config.hostedZone }, child).zoneId
    const listener = new aws.lb.Listener(
      'https',
      {
        loadBalancerArn: this.loadBalancer.arn,
        protocol: 'HTTPS',
        port: 443,
        sslPolicy: 'ELBSecurityPolicy-TLS13-1-2-2021-06',
        certificateArn:
          zoneId === undefined ? (config.certificateArn ?? '') : certificate(config.domain, zoneId, child),
        defaultActions: [{ type: 'forward', targetGroupArn: this.targetGroup.arn }],
      },
      child,
    )
    new aws.lb.Listener(
      'http',
      {
        loadBalancerArn: this.loadBalancer.arn,
        protocol: 'HTTP',
        port: 80,
        defaultActions: [{ type: 'redirect', redirect: { protocol: 'HTTPS', port: '443', statusCode: 'HTTP_301' } }],
      },
      child,
    )
    if (zoneId !== undefined) {
      new aws.route53.Record(
        'address',
        {
          zoneId,
          name: config.domain,
          type: 'A',
          aliases: [{ name: this.loadBalancer.dnsName, zoneId: this.loadBalancer.zoneId, evaluateTargetHealth: true }],
        },
        child,
      )
    }

    new FargateService(
      name,
      {
        platform,
        task: this.task,
        port: proxyPort,
        count: config.gateway,
        targetGroup: this.targetGroup,
        after: [listener, ...args.after],
      },
      child,
    )
    this.registerOutputs({ url: this.url })
  }
}

/** A certificate that proves itself in the domain's zone. */
function certificate(domainName: string, zoneId: pulumi.Input<string>, child: pulumi.CustomResourceOptions) {
  const made = new aws.acm.Certificate('certificate', { domainName, validationMethod: 'DNS' }, child)
  const proof = made.domainValidationOptions.apply(([first]) => first)
  const record = new aws.route53.Record(
    'certificate',
    {
      zoneId,
      name: proof.apply(option => option?.resourceRecordName ?? ''),
      type: proof.apply(option => option?.resourceRecordType ?? ''),
      records: [proof.apply(option => option?.resourceRecordValue ?? '')],
      ttl: 300,
      allowOverwrite: true,
    },
    child,
  )
  return new aws.acm.CertificateValidation(
    'certificate',
    { certificateArn: made.arn, validationRecordFqdns: [record.fqdn] },
    child,
  ).certificateArn
}

/** A bucket for the load balancer's access logs. It can be encrypted with S3's own keys only. */
function accessLogBucket(name: string, { config, logging, place }: Platform, child: pulumi.CustomResourceOptions) {
  const bucket = new aws.s3.Bucket(`${name}-access-logs`, { forceDestroy: !config.protect }, child)
  blockPublicAccess(`${name}-access-logs`, bucket, child)
  new aws.s3.BucketServerSideEncryptionConfiguration(
    `${name}-access-logs`,
    { bucket: bucket.id, rules: [{ applyServerSideEncryptionByDefault: { sseAlgorithm: 'AES256' } }] },
    child,
  )
  new aws.s3.BucketLifecycleConfiguration(
    `${name}-access-logs`,
    {
      bucket: bucket.id,
      rules: [{ id: 'forget', status: 'Enabled', filter: { prefix: '' }, expiration: { days: logging.days } }],
    },
    child,
  )
  const policy = new aws.s3.BucketPolicy(
    `${name}-access-logs`,
    {
      bucket: bucket.id,
      policy: policyDocument({
        principal: { Service: 'logdelivery.elasticloadbalancing.amazonaws.com' },
        actions: ['s3:PutObject'],
        resources: [pulumi.interpolate`${bucket.arn}/AWSLogs/${place.accountId}/*`],
        because: 'BecauseTheLoadBalancerNamesItsFiles',
      }),
    },
    child,
  )
  // The load balancer tries to write as soon as it is told of the bucket.
  return pulumi.all([bucket.id, policy.id]).apply(([id]) => id)
}
