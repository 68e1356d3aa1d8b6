import * as pulumi from '@pulumi/pulumi'
import { policyDocument, type Statement } from '../src/policy-document.ts'
import { arnsIn, type Place } from '../src/place.ts'
import { stateTag } from './state.ts'

/** No role that a deployment makes may do more than this policy allows; see infra/src/service-role.ts. */
export const boundaryName = 'feira-boundary'

/** Services that ECS, load balancers, … need a role of AWS's own for. It is made when they are first used. */
const serviceLinkedRoles = [
  'ecs.amazonaws.com',
  'ecs.application-autoscaling.amazonaws.com',
  'elasticache.amazonaws.com',
  'elasticloadbalancing.amazonaws.com',
  'mq.amazonaws.com',
  'rds.amazonaws.com',
]

/**
 * What deployments may do, in parts that each fit into one policy. What is there may be described, by previews as well;
 * that tells nothing of what is in secrets, databases, buckets or logs.
 * The tests hold it against what infra/src makes. One file, so that who reviews it sees all that the role may do.
 */
export function access(place: Place, boundaryArn: pulumi.Input<string>) {
  const arn = arnsIn(place)
  const here = { StringEquals: { 'aws:RequestedRegion': place.region } }

  const describing = policyDocument(
    {
      actions: [
        'acm:DescribeCertificate',
        'acm:ListTagsForCertificate',
        'application-autoscaling:Describe*',
        'application-autoscaling:ListTagsForResource',
        'cloudwatch:DescribeAlarms',
        'cloudwatch:ListTagsForResource',
        'ec2:Describe*',
        'ec2:GetSecurityGroupsForVpc',
        'ecr:DescribeImages',
        'ecr:DescribeRepositories',
        'ecr:GetAuthorizationToken',
        'ecr:GetLifecyclePolicy',
        'ecr:ListTagsForResource',
        'ecs:Describe*',
        'ecs:List*',
        'elasticache:Describe*',
        'elasticache:ListTagsForResource',
        'elasticloadbalancing:Describe*',
        'iam:GetRole',
        'iam:GetRolePolicy',
        'iam:ListAttachedRolePolicies',
        'iam:ListInstanceProfilesForRole',
        'iam:ListRolePolicies',
        'kms:DescribeKey',
        'kms:GetKeyPolicy',
        'kms:GetKeyRotationStatus',
        'kms:ListAliases',
        'kms:ListResourceTags',
        'logs:DescribeLogGroups',
        'logs:ListTagsForResource',
        'mq:Describe*',
        'mq:List*',
        'rds:Describe*',
        'rds:ListTagsForResource',
        'route53:GetChange',
        'route53:GetHostedZone',
        'route53:ListHostedZones',
        'route53:ListHostedZonesByName',
        'route53:ListResourceRecordSets',
        'route53:ListTagsForResource',
        'secretsmanager:DescribeSecret',
        'secretsmanager:GetResourcePolicy',
        'servicediscovery:Get*',
        'servicediscovery:List*',
        'sns:GetSubscriptionAttributes',
        'sns:GetTopicAttributes',
        'sns:ListTagsForResource',
      ],
      resources: ['*'],
      because: 'BecauseMostDescriptionsKnowNoResourceAndNoneTellsASecret',
    },
    {
      actions: [
        's3:GetAccelerateConfiguration',
        's3:GetBucket*',
        's3:GetEncryptionConfiguration',
        's3:GetLifecycleConfiguration',
        's3:GetReplicationConfiguration',
        's3:ListBucket',
        's3:ListTagsForResource',
      ],
      resources: ['arn:aws:s3:::gateway-access-logs-*'],
      because: 'BecausePulumiEndsTheNameOfABucketAtRandom',
    },
  )

  const network: readonly Statement[] = [
    {
      actions: [
        'ec2:CreateVpc',
        'ec2:ModifyVpcAttribute',
        'ec2:DeleteVpc',
        'ec2:CreateSubnet',
        'ec2:ModifySubnetAttribute',
        'ec2:DeleteSubnet',
        'ec2:CreateInternetGateway',
        'ec2:AttachInternetGateway',
        'ec2:DetachInternetGateway',
        'ec2:DeleteInternetGateway',
        'ec2:AllocateAddress',
        'ec2:DisassociateAddress',
        'ec2:ReleaseAddress',
        'ec2:CreateNatGateway',
        'ec2:DeleteNatGateway',
        'ec2:CreateRouteTable',
        'ec2:AssociateRouteTable',
        'ec2:ReplaceRouteTableAssociation',
        'ec2:DisassociateRouteTable',
        'ec2:DeleteRouteTable',
        'ec2:CreateRoute',
        'ec2:ReplaceRoute',
        'ec2:DeleteRoute',
        'ec2:CreateVpcEndpoint',
        'ec2:ModifyVpcEndpoint',
        'ec2:DeleteVpcEndpoints',
        'ec2:CreateFlowLogs',
        'ec2:DeleteFlowLogs',
        'ec2:CreateSecurityGroup',
        'ec2:DeleteSecurityGroup',
        'ec2:ModifySecurityGroupRules',
        'ec2:AuthorizeSecurityGroupIngress',
        'ec2:RevokeSecurityGroupIngress',
        'ec2:AuthorizeSecurityGroupEgress',
        'ec2:RevokeSecurityGroupEgress',
        'ec2:CreateTags',
        'ec2:DeleteTags',
        // Amazon MQ asks for them in the name of who makes a broker.
        'ec2:CreateNetworkInterface',
        'ec2:DetachNetworkInterface',
        'ec2:DeleteNetworkInterface',
      ],
      resources: ['*'],
      condition: here,
      because: 'BecauseWhatIsInAVpcHasRandomIds',
    },
    {
      actions: ['ec2:CreateNetworkInterfacePermission', 'ec2:DeleteNetworkInterfacePermission'],
      resources: ['*'],
      condition: { StringEquals: { 'ec2:AuthorizedService': 'mq.amazonaws.com' } },
      because: 'BecauseNetworkInterfacesHaveRandomIds',
    },
    {
      actions: [
        'elasticloadbalancing:CreateLoadBalancer',
        'elasticloadbalancing:DeleteLoadBalancer',
        'elasticloadbalancing:ModifyLoadBalancerAttributes',
        'elasticloadbalancing:SetIpAddressType',
        'elasticloadbalancing:SetSecurityGroups',
        'elasticloadbalancing:SetSubnets',
        'elasticloadbalancing:CreateTargetGroup',
        'elasticloadbalancing:ModifyTargetGroup',
        'elasticloadbalancing:ModifyTargetGroupAttributes',
        'elasticloadbalancing:DeleteTargetGroup',
        'elasticloadbalancing:CreateListener',
        'elasticloadbalancing:ModifyListener',
        'elasticloadbalancing:ModifyListenerAttributes',
        'elasticloadbalancing:DeleteListener',
        'elasticloadbalancing:AddTags',
        'elasticloadbalancing:RemoveTags',
      ],
      resources: [
        arn('elasticloadbalancing', 'loadbalancer/app/feira-*/*'),
        arn('elasticloadbalancing', 'listener/app/feira-*/*'),
        arn('elasticloadbalancing', 'targetgroup/gateway-*/*'),
      ],
      because: 'BecauseStacksOfAnyNameAreFeirasAndTheRestIsRandom',
    },
  ]

  const tasks: readonly Statement[] = [
    {
      actions: [
        'ecs:CreateCluster',
        'ecs:UpdateCluster',
        'ecs:UpdateClusterSettings',
        'ecs:DeleteCluster',
        'ecs:CreateService',
        'ecs:UpdateService',
        'ecs:DeleteService',
        'ecs:StopServiceDeployment',
        'ecs:RunTask',
        'ecs:TagResource',
        'ecs:UntagResource',
      ],
      resources: [
        arn('ecs', 'cluster/feira-*'),
        arn('ecs', 'service/feira-*/*'),
        arn('ecs', 'task/feira-*/*'),
        arn('ecs', 'task-definition/feira-*:*'),
      ],
      because: 'BecauseStacksOfAnyNameAreFeiras',
    },
    {
      actions: ['ecs:RegisterTaskDefinition', 'ecs:DeregisterTaskDefinition'],
      resources: ['*'],
      condition: here,
      because: 'BecauseTaskDefinitionsAreNotYetResourcesThen',
    },
    {
      actions: [
        'ecr:CreateRepository',
        'ecr:DeleteRepository',
        'ecr:TagResource',
        'ecr:UntagResource',
        'ecr:PutImageScanningConfiguration',
        'ecr:PutImageTagMutability',
        'ecr:PutLifecyclePolicy',
        'ecr:DeleteLifecyclePolicy',
        'ecr:BatchCheckLayerAvailability',
        'ecr:BatchGetImage',
        'ecr:GetDownloadUrlForLayer',
        'ecr:InitiateLayerUpload',
        'ecr:UploadLayerPart',
        'ecr:CompleteLayerUpload',
        'ecr:PutImage',
        'ecr:BatchDeleteImage',
      ],
      resources: [arn('ecr', 'repository/feira-*')],
      because: 'BecauseEveryAppHasARepository',
    },
    {
      actions: [
        'application-autoscaling:RegisterScalableTarget',
        'application-autoscaling:DeregisterScalableTarget',
        'application-autoscaling:PutScalingPolicy',
        'application-autoscaling:DeleteScalingPolicy',
        'application-autoscaling:TagResource',
        'application-autoscaling:UntagResource',
      ],
      resources: [arn('application-autoscaling', 'scalable-target/*')],
      because: 'BecauseScalableTargetsHaveRandomIds',
    },
    {
      actions: ['servicediscovery:CreateHttpNamespace'],
      resources: ['*'],
      condition: here,
      because: 'BecauseANamespaceIsNotYetAResourceThen',
    },
    {
      actions: [
        'servicediscovery:UpdateHttpNamespace',
        'servicediscovery:DeleteNamespace',
        'servicediscovery:TagResource',
        'servicediscovery:UntagResource',
      ],
      resources: [arn('servicediscovery', 'namespace/*')],
      because: 'BecauseNamespacesHaveRandomIds',
    },
  ]

  const data: readonly Statement[] = [
    {
      actions: [
        'rds:CreateDBInstance',
        'rds:ModifyDBInstance',
        'rds:RebootDBInstance',
        'rds:DeleteDBInstance',
        'rds:CreateDBSnapshot',
        'rds:CreateDBSubnetGroup',
        'rds:ModifyDBSubnetGroup',
        'rds:DeleteDBSubnetGroup',
        'rds:CreateDBParameterGroup',
        'rds:ModifyDBParameterGroup',
        'rds:ResetDBParameterGroup',
        'rds:DeleteDBParameterGroup',
        'rds:AddTagsToResource',
        'rds:RemoveTagsFromResource',
      ],
      resources: [
        arn('rds', 'db:feira-*'),
        arn('rds', 'snapshot:feira-*'),
        arn('rds', 'subgrp:databases-*'),
        arn('rds', 'pg:databases-*'),
        // Which every instance has that names none.
        arn('rds', 'og:default:postgres-*'),
      ],
      because: 'BecauseEveryServiceHasADatabase',
    },
    {
      actions: [
        'elasticache:CreateReplicationGroup',
        'elasticache:ModifyReplicationGroup',
        'elasticache:DeleteReplicationGroup',
        'elasticache:ModifyReplicationGroupShardConfiguration',
        'elasticache:IncreaseReplicaCount',
        'elasticache:DecreaseReplicaCount',
        'elasticache:CreateCacheSubnetGroup',
        'elasticache:ModifyCacheSubnetGroup',
        'elasticache:DeleteCacheSubnetGroup',
        'elasticache:CreateCacheParameterGroup',
        'elasticache:ModifyCacheParameterGroup',
        'elasticache:ResetCacheParameterGroup',
        'elasticache:DeleteCacheParameterGroup',
        'elasticache:AddTagsToResource',
        'elasticache:RemoveTagsFromResource',
      ],
      resources: [
        arn('elasticache', 'replicationgroup:feira-*'),
        arn('elasticache', 'cluster:feira-*'),
        arn('elasticache', 'subnetgroup:cache-*'),
        arn('elasticache', 'parametergroup:cache-*'),
      ],
      because: 'BecauseStacksOfAnyNameAreFeiras',
    },
    {
      actions: ['mq:CreateBroker', 'mq:CreateTags', 'mq:DeleteTags'],
      resources: ['*'],
      condition: here,
      because: 'BecauseABrokerIsNotYetAResourceThen',
    },
    {
      actions: ['mq:UpdateBroker', 'mq:RebootBroker', 'mq:DeleteBroker'],
      resources: [arn('mq', 'broker:feira-*:*')],
      because: 'BecauseBrokersHaveRandomIds',
    },
    {
      actions: [
        's3:CreateBucket',
        's3:DeleteBucket',
        's3:TagResource',
        's3:UntagResource',
        's3:PutBucketTagging',
        's3:PutBucketPolicy',
        's3:DeleteBucketPolicy',
        's3:PutBucketPublicAccessBlock',
        's3:PutEncryptionConfiguration',
        's3:PutLifecycleConfiguration',
      ],
      resources: ['arn:aws:s3:::gateway-access-logs-*'],
      because: 'BecausePulumiEndsTheNameOfABucketAtRandom',
    },
    {
      // A bucket that is not protected is emptied before it is deleted.
      actions: ['s3:ListBucketVersions', 's3:DeleteObject', 's3:DeleteObjectVersion'],
      resources: ['arn:aws:s3:::gateway-access-logs-*', 'arn:aws:s3:::gateway-access-logs-*/*'],
      because: 'BecauseTheLoadBalancerNamesItsFiles',
    },
  ]

  const names: readonly Statement[] = [
    {
      actions: [
        'acm:RequestCertificate',
        'acm:DeleteCertificate',
        'acm:AddTagsToCertificate',
        'acm:RemoveTagsFromCertificate',
      ],
      resources: [arn('acm', 'certificate/*')],
      because: 'BecauseCertificatesHaveRandomIds',
    },
    {
      actions: ['route53:ChangeResourceRecordSets'],
      resources: ['arn:aws:route53:::hostedzone/*'],
      because: 'BecauseZonesHaveRandomIds',
    },
  ]

  const watching: readonly Statement[] = [
    {
      actions: [
        'logs:CreateLogGroup',
        'logs:DeleteLogGroup',
        'logs:TagResource',
        'logs:UntagResource',
        'logs:PutRetentionPolicy',
        'logs:DeleteRetentionPolicy',
        'logs:AssociateKmsKey',
        'logs:DisassociateKmsKey',
        // What a setup wrote last is told when it fails.
        'logs:GetLogEvents',
      ],
      resources: [arn('logs', 'log-group:/feira/*'), arn('logs', 'log-group:/aws/rds/instance/feira-*')],
      because: 'BecauseEveryTaskAndDatabaseHasALog',
    },
    {
      actions: ['cloudwatch:PutMetricAlarm', 'cloudwatch:TagResource', 'cloudwatch:UntagResource'],
      resources: [
        arn('cloudwatch', 'alarm:feira-*'),
        // Auto-scaling asks for them in the name of who makes its policies.
        arn('cloudwatch', 'alarm:TargetTracking-service/feira-*'),
      ],
      because: 'BecauseThereAreManyAlarms',
    },
    {
      actions: ['cloudwatch:PutCompositeAlarm', 'cloudwatch:DeleteAlarms'],
      resources: ['*'],
      condition: here,
      because: 'BecauseCloudWatchRefusesItOfCompositeAlarmsOtherwise',
    },
    {
      actions: [
        'sns:CreateTopic',
        'sns:DeleteTopic',
        'sns:SetTopicAttributes',
        'sns:TagResource',
        'sns:UntagResource',
        'sns:Subscribe',
        'sns:Unsubscribe',
        'sns:SetSubscriptionAttributes',
      ],
      resources: [arn('sns', 'alarms-*')],
      because: 'BecausePulumiEndsTheNameOfATopicAtRandom',
    },
  ]

  const ofRoles = [pulumi.interpolate`arn:aws:iam::${place.accountId}:role/feira/*`]
  const notTheState = { StringNotEquals: { [`aws:ResourceTag/${stateTag.key}`]: stateTag.value } }
  const secrets: readonly Statement[] = [
    {
      actions: ['iam:CreateRole', 'iam:PutRolePolicy', 'iam:PutRolePermissionsBoundary'],
      resources: ofRoles,
      condition: { StringEquals: { 'iam:PermissionsBoundary': boundaryArn } },
      because: 'BecauseEveryTaskHasRolesWithinTheBoundary',
    },
    {
      actions: [
        'iam:UpdateRole',
        'iam:UpdateAssumeRolePolicy',
        'iam:TagRole',
        'iam:UntagRole',
        'iam:DeleteRolePolicy',
        'iam:DeleteRole',
      ],
      resources: ofRoles,
      because: 'BecauseEveryTaskHasRoles',
    },
    {
      actions: ['iam:PassRole'],
      resources: ofRoles,
      condition: {
        StringEquals: { 'iam:PassedToService': ['ecs-tasks.amazonaws.com', 'vpc-flow-logs.amazonaws.com'] },
      },
      because: 'BecauseEveryTaskIsGivenItsRoles',
    },
    {
      actions: ['iam:CreateServiceLinkedRole'],
      resources: [pulumi.interpolate`arn:aws:iam::${place.accountId}:role/aws-service-role/*`],
      condition: { StringEquals: { 'iam:AWSServiceName': serviceLinkedRoles } },
      because: 'BecauseAwsNamesItsOwnRoles',
    },
    {
      actions: [
        'secretsmanager:CreateSecret',
        'secretsmanager:UpdateSecret',
        'secretsmanager:DeleteSecret',
        'secretsmanager:PutSecretValue',
        'secretsmanager:GetSecretValue',
        'secretsmanager:UpdateSecretVersionStage',
        'secretsmanager:TagResource',
        'secretsmanager:UntagResource',
      ],
      resources: [arn('secretsmanager', 'secret:feira/*')],
      because: 'BecauseEveryAppHasASecret',
    },
    {
      actions: ['kms:CreateKey'],
      resources: ['*'],
      condition: here,
      because: 'BecauseAKeyIsNotYetAResourceThen',
    },
    {
      actions: [
        'kms:EnableKeyRotation',
        'kms:PutKeyPolicy',
        'kms:UpdateKeyDescription',
        'kms:ScheduleKeyDeletion',
        'kms:CreateAlias',
        'kms:UpdateAlias',
        'kms:DeleteAlias',
        'kms:TagResource',
        'kms:UntagResource',
      ],
      resources: [arn('kms', 'key/*')],
      condition: notTheState,
      because: 'BecauseKeysHaveRandomIds',
    },
    {
      actions: ['kms:CreateAlias', 'kms:UpdateAlias', 'kms:DeleteAlias'],
      resources: [arn('kms', 'alias/feira-*-data')],
      because: 'BecauseEveryStackHasAKey',
    },
    {
      // In the name of who makes a database, a cache, a repository, which then use the key themselves.
      actions: ['kms:CreateGrant'],
      resources: [arn('kms', 'key/*')],
      condition: { ...notTheState, Bool: { 'kms:GrantIsForAWSResource': 'true' } },
      because: 'BecauseKeysThatServicesUseHaveRandomIds',
    },
    {
      // A repository that is deleted gives its grant back.
      actions: ['kms:RetireGrant'],
      resources: [arn('kms', 'key/*')],
      condition: {
        ...notTheState,
        StringEquals: { 'kms:ViaService': pulumi.interpolate`ecr.${place.region}.amazonaws.com` },
      },
      because: 'BecauseKeysOfRepositoriesHaveRandomIds',
    },
    {
      actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
      resources: [arn('kms', 'key/*')],
      condition: {
        ...notTheState,
        StringEquals: { 'kms:ViaService': pulumi.interpolate`secretsmanager.${place.region}.amazonaws.com` },
      },
      because: 'BecauseKeysOfSecretsHaveRandomIds',
    },
  ]

  const parts = { network, tasks, data, names, watching, secrets }
  return {
    describing,
    changing: Object.fromEntries(
      Object.entries(parts).map(([part, statements]) => [part, policyDocument(...statements)]),
    ),
  }
}

/** What the roles of tasks and of flow logs need at the most. */
export function boundary(place: Place): pulumi.Output<string> {
  const arn = arnsIn(place)
  return policyDocument(
    {
      actions: ['logs:CreateLogStream', 'logs:PutLogEvents', 'logs:DescribeLogStreams'],
      resources: [arn('logs', 'log-group:/feira/*')],
      because: 'BecauseEveryTaskHasALog',
    },
    {
      actions: ['logs:DescribeLogGroups'],
      resources: ['*'],
      because: 'BecauseFlowLogsLookForTheirGroup',
    },
    {
      actions: ['ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'],
      resources: [arn('ecr', 'repository/feira-*')],
      because: 'BecauseEveryAppHasARepository',
    },
    {
      actions: [
        'ecr:GetAuthorizationToken',
        'ecs:ListServices',
        'ecs:ListTasks',
        'ecs:DescribeTaskDefinition',
        'ecs:DescribeServices',
        'ecs:DescribeTasks',
      ],
      resources: ['*'],
      because: 'BecauseMostOfTheseKnowNoResource',
    },
    {
      actions: ['secretsmanager:GetSecretValue'],
      resources: [arn('secretsmanager', 'secret:feira/*')],
      because: 'BecauseEveryAppHasASecret',
    },
    {
      actions: ['kms:Decrypt'],
      resources: [arn('kms', 'key/*')],
      condition: {
        StringEquals: { 'kms:ViaService': pulumi.interpolate`secretsmanager.${place.region}.amazonaws.com` },
      },
      because: 'BecauseKeysOfSecretsHaveRandomIds',
    },
  )
}
