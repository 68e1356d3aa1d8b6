import type * as pulumi from '@pulumi/pulumi'
import type { App } from './apps.ts'
import type { StackConfig } from './config.ts'

/** What a service is told beside its secrets. */
export function environmentOf(
  { name, service }: App,
  config: StackConfig,
  /** Where it gets the certificates of its database's authorities from, if they are not known to everybody. */
  databaseCa: pulumi.Input<string> | undefined,
  collectorUrl: string,
): Record<string, pulumi.Input<string>> {
  return {
    NODE_ENV: 'production',
    AUTH_ISSUER: `https://${config.domain}`,
    AUTH_JWKS_URL: 'http://app-users:3335/auth/jwks.json',
    BROKER_QUEUE_TYPE: 'quorum',
    DATABASE_POOL: String(config.database.pool),
    ...(databaseCa === undefined ? {} : { DATABASE_CA: databaseCa }),
    // A task that is being stopped is still sent requests for a moment. Both together are less than ECS waits.
    SHUTDOWN_DELAY: '5s',
    SHUTDOWN_TIMEOUT: '25s',
    // Its setup has migrated.
    SKIP_MIGRATIONS: 'true',
    ...(config.grafanaEndpoint === undefined
      ? {}
      : { OTEL_EXPORTER_OTLP_ENDPOINT: collectorUrl, OTEL_TRACES_SAMPLER_ARG: String(config.tracesShare) }),
    ...ofService(name, config),
    ...config.environment[service.name],
  }
}

function ofService(name: string, config: StackConfig): Record<string, string> {
  const mail = {
    MAIL_FROM: config.mailFrom ?? `Feira <no-reply@${config.domain}>`,
    MAIL_DOMAIN: config.domain,
  }
  switch (name) {
    case 'app-users':
      return config.adminEmail === undefined ? {} : { ADMIN_EMAIL: config.adminEmail }
    case 'app-notifications':
      return { ...mail, NOTIFICATION_WORKERS: 'false' }
    case 'notification-workers':
      return mail
    case 'app-partners':
      return { WEBHOOK_PRIVATE_TARGETS: 'false' }
    default:
      return {}
  }
}

/** What only it may know. */
export interface Secrets {
  readonly databaseUrl: pulumi.Input<string>
  readonly brokerUrl: pulumi.Input<string>
  readonly cacheUrl: pulumi.Input<string>
  readonly authKeySecret: pulumi.Input<string>
  readonly adminPassword: pulumi.Input<string>
}

export function secretsOf(
  { folder }: App,
  config: StackConfig,
  { databaseUrl, brokerUrl, cacheUrl, authKeySecret, adminPassword }: Secrets,
): Record<string, pulumi.Input<string>> {
  return {
    DATABASE_URL: databaseUrl,
    BROKER_URL: brokerUrl,
    REDIS_URL: cacheUrl,
    ...(folder === 'app-notifications' ? { SMTP_URL: config.smtpUrl } : {}),
    ...(folder === 'app-users' ? { AUTH_KEY_SECRET: authKeySecret } : {}),
    ...(folder === 'app-users' && config.adminEmail !== undefined ? { ADMIN_PASSWORD: adminPassword } : {}),
  }
}
