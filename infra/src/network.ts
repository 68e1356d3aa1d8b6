import * as aws from '@pulumi/aws'
import * as pulumi from '@pulumi/pulumi'
import type { StackConfig } from './config.ts'
import { logGroup, type Logging } from './log-group.ts'
import type { Place } from './place.ts'
import { serviceRole } from './service-role.ts'

/**
 * A VPC over several zones with three subnets in each: public (load balancer, NAT gateways), private (tasks; they reach
 * out through NAT) and data (databases, broker, cache; no way in or out of the VPC).
 */
export class Network extends pulumi.ComponentResource {
  readonly vpcId: pulumi.Output<string>
  readonly publicSubnetIds: readonly pulumi.Output<string>[]
  readonly publicCidrs: readonly string[]
  readonly privateSubnetIds: readonly pulumi.Output<string>[]
  readonly dataSubnetIds: readonly pulumi.Output<string>[]

  constructor(
    name: string,
    config: StackConfig,
    place: Place,
    logging: Logging,
    options: pulumi.ComponentResourceOptions,
  ) {
    super('feira:infra:Network', name, {}, options)
    const child = { parent: this }

    const vpc = new aws.ec2.Vpc(
      name,
      { cidrBlock: config.vpcCidr, enableDnsSupport: true, enableDnsHostnames: true, tags: named(name) },
      child,
    )
    this.vpcId = vpc.id
    // Whatever is made without a security group gets this one, which lets nothing through.
    new aws.ec2.DefaultSecurityGroup(`${name}-default`, { vpcId: vpc.id, ingress: [], egress: [] }, child)

    const gateway = new aws.ec2.InternetGateway(name, { vpcId: vpc.id, tags: named(name) }, child)
    const publicRoutes = new aws.ec2.RouteTable(
      `${name}-public`,
      { vpcId: vpc.id, tags: named(`${name}-public`) },
      child,
    )
    new aws.ec2.Route(
      `${name}-public`,
      { routeTableId: publicRoutes.id, destinationCidrBlock: '0.0.0.0/0', gatewayId: gateway.id },
      child,
    )
    const dataRoutes = new aws.ec2.RouteTable(`${name}-data`, { vpcId: vpc.id, tags: named(`${name}-data`) }, child)

    const zones = aws.getAvailabilityZonesOutput(
      { state: 'available', filters: [{ name: 'opt-in-status', values: ['opt-in-not-required'] }] },
      child,
    )
    const subnet = (kind: string, index: number, cidrBlock: string, routeTableId: pulumi.Input<string>) => {
      const subnetName = `${name}-${kind}-${index + 1}`
      const made = new aws.ec2.Subnet(
        subnetName,
        {
          vpcId: vpc.id,
          cidrBlock,
          availabilityZone: zones.names.apply(names => names[index] ?? ''),
          mapPublicIpOnLaunch: false,
          tags: named(subnetName),
        },
        child,
      )
      new aws.ec2.RouteTableAssociation(subnetName, { subnetId: made.id, routeTableId }, child)
      return made
    }

    // 10.n.0.0/24, 10.n.1.0/24, … are public, 10.n.8.0/24, … are for data, 10.n.16.0/20, 10.n.32.0/20, … for tasks:
    // each has an address of its own, and 4,091 fit into one subnet.
    const [first, second] = config.vpcCidr.split('.')
    const indexes = Array.from({ length: config.zones }, (_, index) => index)
    this.publicCidrs = indexes.map(index => `${first}.${second}.${index}.0/24`)
    const publicSubnets = this.publicCidrs.map((cidr, index) => subnet('public', index, cidr, publicRoutes.id))
    this.publicSubnetIds = publicSubnets.map(({ id }) => id)
    this.dataSubnetIds = indexes.map(
      index => subnet('data', index, `${first}.${second}.${8 + index}.0/24`, dataRoutes.id).id,
    )

    const natIds = publicSubnets.slice(0, config.natGateways).map(({ id }, index) => {
      const natName = `${name}-nat-${index + 1}`
      const address = new aws.ec2.Eip(natName, { domain: 'vpc', tags: named(natName) }, child)
      return new aws.ec2.NatGateway(
        natName,
        { allocationId: address.id, subnetId: id, tags: named(natName) },
        { ...child, dependsOn: [gateway] },
      ).id
    })
    const privateRoutes = indexes.map(index => {
      const tableName = `${name}-private-${index + 1}`
      const table = new aws.ec2.RouteTable(tableName, { vpcId: vpc.id, tags: named(tableName) }, child)
      new aws.ec2.Route(
        tableName,
        {
          routeTableId: table.id,
          destinationCidrBlock: '0.0.0.0/0',
          natGatewayId: pulumi.all(natIds).apply(ids => ids[index % ids.length] ?? ''),
        },
        child,
      )
      return table
    })
    this.privateSubnetIds = privateRoutes.map(
      (table, index) => subnet('private', index, `${first}.${second}.${16 * (index + 1)}.0/20`, table.id).id,
    )

    // The layers of images are in S3: so they do not pass, and are not charged, through NAT.
    new aws.ec2.VpcEndpoint(
      `${name}-s3`,
      {
        vpcId: vpc.id,
        serviceName: pulumi.interpolate`com.amazonaws.${place.region}.s3`,
        vpcEndpointType: 'Gateway',
        routeTableIds: privateRoutes.map(({ id }) => id),
        tags: named(`${name}-s3`),
      },
      child,
    )

    const flows = logGroup(`${name}-flows`, `/feira/${logging.stack}/flows`, logging, child)
    const role = serviceRole(`${name}-flows`, 'vpc-flow-logs.amazonaws.com', place, child, [
      {
        actions: ['logs:CreateLogStream', 'logs:PutLogEvents', 'logs:DescribeLogStreams'],
        resources: [flows.arn, pulumi.interpolate`${flows.arn}:log-stream:*`],
        because: 'BecauseFlowLogsNameTheirStreamsThemselves',
      },
      { actions: ['logs:DescribeLogGroups'], resources: ['*'], because: 'BecauseFlowLogsLookForTheirGroup' },
    ])
    new aws.ec2.FlowLog(
      name,
      { vpcId: vpc.id, trafficType: 'REJECT', logDestination: flows.arn, iamRoleArn: role.arn, tags: named(name) },
      child,
    )
    this.registerOutputs({})
  }
}

const named = (name: string) => ({ Name: `feira-${pulumi.getStack()}-${name}` })
