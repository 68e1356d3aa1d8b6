import * as aws from '@pulumi/aws'
import * as pulumi from '@pulumi/pulumi'
import * as random from '@pulumi/random'
import type { StackConfig } from './config.ts'
import { logGroup, type Logging } from './log-group.ts'
import { password } from './password.ts'
import { securityGroup } from './security-group.ts'

/** What the databases of all services share. */
export class DatabaseSettings extends pulumi.ComponentResource {
  readonly subnetGroupName: pulumi.Output<string>
  readonly parameterGroupName: pulumi.Output<string>
  /** Where the name of the engine's version stands once for all. */
  readonly engineVersion = '17'

  constructor(name: string, subnetIds: readonly pulumi.Output<string>[], options: pulumi.ComponentResourceOptions) {
    super('feira:infra:DatabaseSettings', name, {}, options)
    const child = { parent: this }
    this.subnetGroupName = new aws.rds.SubnetGroup(name, { subnetIds: [...subnetIds] }, child).name
    this.parameterGroupName = new aws.rds.ParameterGroup(
      name,
      {
        family: `postgres${this.engineVersion}`,
        parameters: [
          { name: 'rds.force_ssl', value: '1', applyMethod: 'pending-reboot' },
          // Statements that take longer are logged, without their values.
          { name: 'log_min_duration_statement', value: '1000' },
          { name: 'log_parameter_max_length', value: '0' },
          { name: 'log_parameter_max_length_on_error', value: '0' },
        ],
      },
      child,
    ).name
    this.registerOutputs({})
  }
}

export interface DatabaseArgs {
  readonly stack: string
  readonly config: StackConfig
  readonly settings: DatabaseSettings
  readonly vpcId: pulumi.Input<string>
  readonly keyArn: pulumi.Input<string>
  readonly logging: Logging
}

/** The PostgreSQL of one service: an instance of RDS in the data subnets that only that service may reach. */
export class Database extends pulumi.ComponentResource {
  readonly instance: aws.rds.Instance
  readonly group: aws.ec2.SecurityGroup
  /** With its password, hence secret. The server's certificate is checked. */
  readonly url: pulumi.Output<string>

  /** @param service its name, which is that of the database and of its owner as well */
  constructor(service: string, args: DatabaseArgs, options: pulumi.ComponentResourceOptions) {
    const name = `${service}-database`
    super('feira:infra:Database', name, {}, options)
    const child = { parent: this }
    const { database, protect } = args.config
    const identifier = `feira-${args.stack}-${service}`

    this.group = securityGroup(name, args.vpcId, `PostgreSQL of ${service}`, child)
    const secret = password(name, 40, child)
    // Its last snapshot outlives it, and the next database of that name must not want the same name for its own.
    const end = new random.RandomId(name, { byteLength: 4 }, child)
    const logs = logGroup(name, `/aws/rds/instance/${identifier}/postgresql`, args.logging, child)
    this.instance = new aws.rds.Instance(
      name,
      {
        identifier,
        engine: 'postgres',
        engineVersion: args.settings.engineVersion,
        instanceClass: database.class,
        allocatedStorage: database.storage,
        maxAllocatedStorage: database.maxStorage,
        storageType: 'gp3',
        storageEncrypted: true,
        kmsKeyId: args.keyArn,
        dbName: service,
        username: service,
        password: secret,
        port: postgresPort,
        dbSubnetGroupName: args.settings.subnetGroupName,
        parameterGroupName: args.settings.parameterGroupName,
        vpcSecurityGroupIds: [this.group.id],
        publiclyAccessible: false,
        multiAz: database.multiAz,
        backupRetentionPeriod: database.backupDays,
        backupWindow: '03:00-04:00',
        maintenanceWindow: 'sun:04:30-sun:05:30',
        autoMinorVersionUpgrade: true,
        // Who makes it larger needs it now, and not on Sunday.
        applyImmediately: true,
        copyTagsToSnapshot: true,
        deletionProtection: protect,
        skipFinalSnapshot: false,
        finalSnapshotIdentifier: pulumi.interpolate`${identifier}-final-${end.hex}`,
        performanceInsightsEnabled: true,
        performanceInsightsKmsKeyId: args.keyArn,
        enabledCloudwatchLogsExports: ['postgresql'],
        caCertIdentifier: certificateAuthority,
      },
      { ...child, dependsOn: [logs] },
    )
    this.url = pulumi.secret(
      pulumi.interpolate`postgres://${service}:${secret}@${this.instance.address}:${postgresPort}/${service}?sslmode=verify-full`,
    )
    this.registerOutputs({})
  }
}

export const postgresPort = 5_432

const certificateAuthority = 'rds-ca-rsa2048-g1'

/**
 * How many connections an instance of RDS takes, about: PostgreSQL's default there is a 9.5 MB share of the memory for
 * each, and some of the memory is not its own. Undefined for a class whose memory is not known here.
 * https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html#RDS_Limits.MaxConnections
 */
export function connectionLimit(instanceClass: string): number | undefined {
  const [, family, factor, size] = /^db\.([tmr])\w*\.(\d*)(micro|small|medium|large|xlarge)$/.exec(instanceClass) ?? []
  if (family === undefined || size === undefined) return undefined
  const base = { micro: 1, small: 2, medium: 4, large: 8, xlarge: 16 }[size] ?? 0
  const gibibytes = base * Number(factor === '' ? 1 : factor) * (family === 'r' ? 2 : 1)
  return Math.min(5_000, 90 * gibibytes)
}
