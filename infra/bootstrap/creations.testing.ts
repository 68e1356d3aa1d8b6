import type { PlannedResource } from '../src/plan/plan.ts'
import type { Question } from './iam.testing.ts'

type Arn = (service: string, resource: string) => string
type Creation = (resource: PlannedResource, arn: Arn) => readonly Question[]

/** What must be allowed to make a resource, by its type: actions, and what AWS would call it. */
export const creations: Readonly<Record<string, Creation>> = {
  'aws:acm/certificate:Certificate': random('acm', 'certificate/1', 'RequestCertificate'),
  // Only waits.
  'aws:acm/certificateValidation:CertificateValidation': random('acm', 'certificate/1', 'DescribeCertificate'),
  'aws:appautoscaling/policy:Policy': (_, arn) => [
    {
      action: 'application-autoscaling:PutScalingPolicy',
      resource: arn('application-autoscaling', 'scalable-target/1'),
    },
    {
      action: 'cloudwatch:PutMetricAlarm',
      resource: arn('cloudwatch', 'alarm:TargetTracking-service/feira-dev/app-orders-AlarmHigh-1'),
    },
  ],
  'aws:appautoscaling/target:Target': random('application-autoscaling', 'scalable-target/1', 'RegisterScalableTarget'),
  'aws:cloudwatch/compositeAlarm:CompositeAlarm': () => [{ action: 'cloudwatch:PutCompositeAlarm', resource: '*' }],
  'aws:cloudwatch/logGroup:LogGroup': ({ inputs }, arn) =>
    ['CreateLogGroup', 'PutRetentionPolicy', 'AssociateKmsKey'].map(action => ({
      action: `logs:${action}`,
      resource: arn('logs', `log-group:${text(inputs['name'])}`),
    })),
  'aws:cloudwatch/metricAlarm:MetricAlarm': ({ inputs }, arn) => [
    { action: 'cloudwatch:PutMetricAlarm', resource: arn('cloudwatch', `alarm:${text(inputs['name'])}`) },
  ],
  'aws:ec2/defaultSecurityGroup:DefaultSecurityGroup': random(
    'ec2',
    'security-group/1',
    'RevokeSecurityGroupIngress',
    'RevokeSecurityGroupEgress',
  ),
  'aws:ec2/eip:Eip': random('ec2', 'elastic-ip/1', 'AllocateAddress', 'CreateTags'),
  'aws:ec2/flowLog:FlowLog': random('ec2', 'vpc-flow-log/1', 'CreateFlowLogs', 'CreateTags'),
  'aws:ec2/internetGateway:InternetGateway': random(
    'ec2',
    'internet-gateway/1',
    'CreateInternetGateway',
    'AttachInternetGateway',
  ),
  'aws:ec2/natGateway:NatGateway': random('ec2', 'natgateway/1', 'CreateNatGateway'),
  'aws:ec2/route:Route': random('ec2', 'route-table/1', 'CreateRoute'),
  'aws:ec2/routeTable:RouteTable': random('ec2', 'route-table/1', 'CreateRouteTable'),
  'aws:ec2/routeTableAssociation:RouteTableAssociation': random('ec2', 'route-table/1', 'AssociateRouteTable'),
  'aws:ec2/securityGroup:SecurityGroup': random(
    'ec2',
    'security-group/1',
    'CreateSecurityGroup',
    'RevokeSecurityGroupEgress',
  ),
  'aws:ec2/subnet:Subnet': random('ec2', 'subnet/1', 'CreateSubnet', 'ModifySubnetAttribute'),
  'aws:ec2/vpc:Vpc': random('ec2', 'vpc/1', 'CreateVpc', 'ModifyVpcAttribute'),
  'aws:ec2/vpcEndpoint:VpcEndpoint': random('ec2', 'vpc-endpoint/1', 'CreateVpcEndpoint'),
  'aws:ecr/lifecyclePolicy:LifecyclePolicy': (_, arn) => [
    { action: 'ecr:PutLifecyclePolicy', resource: arn('ecr', 'repository/feira-dev/app-orders') },
  ],
  'aws:ecr/repository:Repository': ({ inputs }, arn) =>
    ['CreateRepository', 'PutImage', 'InitiateLayerUpload', 'UploadLayerPart', 'CompleteLayerUpload'].map(action => ({
      action: `ecr:${action}`,
      resource: arn('ecr', `repository/${text(inputs['name'])}`),
    })),
  'aws:ecs/cluster:Cluster': ({ inputs }, arn) => [
    { action: 'ecs:CreateCluster', resource: arn('ecs', `cluster/${text(inputs['name'])}`) },
    ...linkedRole('ecs.amazonaws.com'),
  ],
  'aws:ecs/service:Service': ({ inputs }, arn) => [
    { action: 'ecs:CreateService', resource: arn('ecs', `service/feira-dev/${text(inputs['name'])}`) },
    ...linkedRole('ecs.application-autoscaling.amazonaws.com'),
  ],
  'aws:ecs/taskDefinition:TaskDefinition': () => [{ action: 'ecs:RegisterTaskDefinition', resource: '*' }],
  'aws:elasticache/parameterGroup:ParameterGroup': named('elasticache', 'parametergroup', 'CreateCacheParameterGroup'),
  'aws:elasticache/replicationGroup:ReplicationGroup': ({ inputs }, arn) => [
    {
      action: 'elasticache:CreateReplicationGroup',
      resource: arn('elasticache', `replicationgroup:${text(inputs['replicationGroupId'])}`),
    },
    { action: 'kms:CreateGrant', resource: arn('kms', 'key/1') },
    ...linkedRole('elasticache.amazonaws.com'),
  ],
  'aws:elasticache/subnetGroup:SubnetGroup': named('elasticache', 'subnetgroup', 'CreateCacheSubnetGroup'),
  'aws:iam/role:Role': ({ name, inputs }) =>
    ['CreateRole', 'PassRole'].map(action => ({
      action: `iam:${action}`,
      resource: `arn:aws:iam::123456789012:role${text(inputs['path'])}${name}-1`,
      context: { 'iam:PermissionsBoundary': text(inputs['permissionsBoundary']) },
    })),
  'aws:iam/rolePolicy:RolePolicy': ({ name }) => [
    { action: 'iam:PutRolePolicy', resource: `arn:aws:iam::123456789012:role/feira/${name}-1` },
  ],
  'aws:kms/alias:Alias': ({ inputs }, arn) =>
    [text(inputs['name']), 'key/1'].map(resource => ({ action: 'kms:CreateAlias', resource: arn('kms', resource) })),
  'aws:kms/key:Key': (_, arn) => [
    { action: 'kms:CreateKey', resource: '*' },
    { action: 'kms:EnableKeyRotation', resource: arn('kms', 'key/1') },
  ],
  'aws:lb/listener:Listener': random(
    'elasticloadbalancing',
    'loadbalancer/app/feira-dev/1',
    'CreateListener',
    'ModifyListenerAttributes',
  ),
  'aws:lb/loadBalancer:LoadBalancer': ({ inputs }, arn) => [
    ...['CreateLoadBalancer', 'ModifyLoadBalancerAttributes'].map(action => ({
      action: `elasticloadbalancing:${action}`,
      resource: arn('elasticloadbalancing', `loadbalancer/app/${text(inputs['name'])}/1`),
    })),
    { action: 'ec2:GetSecurityGroupsForVpc', resource: '*' },
    ...linkedRole('elasticloadbalancing.amazonaws.com'),
  ],
  'aws:lb/targetGroup:TargetGroup': ({ name }, arn) => [
    {
      action: 'elasticloadbalancing:CreateTargetGroup',
      resource: arn('elasticloadbalancing', `targetgroup/${name}-1/1`),
    },
  ],
  'aws:mq/broker:Broker': () => [
    { action: 'mq:CreateBroker', resource: '*' },
    { action: 'ec2:CreateNetworkInterface', resource: '*' },
    {
      action: 'ec2:CreateNetworkInterfacePermission',
      resource: '*',
      context: { 'ec2:AuthorizedService': 'mq.amazonaws.com' },
    },
    ...linkedRole('mq.amazonaws.com'),
  ],
  'aws:rds/instance:Instance': ({ inputs }, arn) => [
    { action: 'rds:CreateDBInstance', resource: arn('rds', `db:${text(inputs['identifier'])}`) },
    { action: 'kms:CreateGrant', resource: arn('kms', 'key/1') },
    ...linkedRole('rds.amazonaws.com'),
  ],
  'aws:rds/parameterGroup:ParameterGroup': named('rds', 'pg', 'CreateDBParameterGroup', 'ModifyDBParameterGroup'),
  'aws:rds/subnetGroup:SubnetGroup': named('rds', 'subgrp', 'CreateDBSubnetGroup'),
  'aws:route53/record:Record': () => [
    { action: 'route53:ChangeResourceRecordSets', resource: 'arn:aws:route53:::hostedzone/Z1' },
  ],
  'aws:s3/bucket:Bucket': ofBucket('CreateBucket'),
  'aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration': ofBucket('PutLifecycleConfiguration'),
  'aws:s3/bucketPolicy:BucketPolicy': ofBucket('PutBucketPolicy'),
  'aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock': ofBucket('PutBucketPublicAccessBlock'),
  'aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration':
    ofBucket('PutEncryptionConfiguration'),
  'aws:secretsmanager/secret:Secret': ({ inputs }, arn) => [
    {
      action: 'secretsmanager:CreateSecret',
      resource: arn('secretsmanager', `secret:${text(inputs['namePrefix'])}1`),
    },
  ],
  'aws:secretsmanager/secretVersion:SecretVersion': ({ name }, arn) => [
    ...['PutSecretValue', 'GetSecretValue'].map(action => ({
      action: `secretsmanager:${action}`,
      resource: arn('secretsmanager', `secret:feira/dev/${name}-1`),
    })),
    {
      action: 'kms:GenerateDataKey',
      resource: arn('kms', 'key/1'),
      context: { 'kms:ViaService': 'secretsmanager.eu-west-1.amazonaws.com' },
    },
  ],
  'aws:servicediscovery/httpNamespace:HttpNamespace': () => [
    { action: 'servicediscovery:CreateHttpNamespace', resource: '*' },
  ],
  'aws:sns/topic:Topic': named('sns', undefined, 'CreateTopic', 'SetTopicAttributes'),
  'aws:sns/topicSubscription:TopicSubscription': named('sns', undefined, 'Subscribe'),
  'aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule': random(
    'ec2',
    'security-group/1',
    'AuthorizeSecurityGroupEgress',
  ),
  'aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule': random(
    'ec2',
    'security-group/1',
    'AuthorizeSecurityGroupIngress',
  ),
}

/** Something that AWS names at random. */
function random(service: string, resource: string, ...actions: readonly string[]): Creation {
  return (_, arn) => actions.map(action => ({ action: `${service}:${action}`, resource: arn(service, resource) }))
}

/** Something that Pulumi names: its name in the program, and an end at random. */
function named(service: string, kind: string | undefined, ...actions: readonly string[]): Creation {
  return ({ name }, arn) =>
    actions.map(action => ({
      action: `${service}:${action}`,
      resource: arn(service, [...(kind === undefined ? [] : [kind]), `${name}-0a1b2c3`].join(':')),
    }))
}

function ofBucket(action: string): Creation {
  return ({ name }) => [{ action: `s3:${action}`, resource: `arn:aws:s3:::${name}-0a1b2c3` }]
}

function linkedRole(service: string): readonly Question[] {
  return [
    {
      action: 'iam:CreateServiceLinkedRole',
      resource: `arn:aws:iam::123456789012:role/aws-service-role/${service}/x`,
      context: { 'iam:AWSServiceName': service },
    },
  ]
}

function text(value: unknown): string {
  if (typeof value !== 'string') throw new Error(`${JSON.stringify(value)} is no name`)
  return value
}
