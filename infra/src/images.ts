import * as aws from '@pulumi/aws'
import * as docker from '@pulumi/docker-build'
import * as pulumi from '@pulumi/pulumi'
import type { StackConfig } from './config.ts'

/** Where the images of a stack go; one login serves for all. */
export interface Registry {
  readonly stack: string
  readonly config: StackConfig
  readonly keyArn: pulumi.Input<string>
  readonly login: pulumi.Output<aws.ecr.GetAuthorizationTokenResult>
}

/** An image built from a Dockerfile of this repository, and the ECR repository that it is pushed to. */
export class BuiltImage extends pulumi.ComponentResource {
  readonly repositoryArn: pulumi.Output<string>
  /** With its digest: a task runs exactly what was built for it, whatever the tag names later. */
  readonly ref: pulumi.Output<string>

  /** @param dockerfile its path from the root of the repository, which is the context as well */
  constructor(
    name: string,
    dockerfile: string,
    { stack, config, keyArn, login }: Registry,
    options: pulumi.ComponentResourceOptions,
  ) {
    super('feira:infra:BuiltImage', name, {}, options)
    const child = { parent: this }
    const repository = new aws.ecr.Repository(
      name,
      {
        name: `feira-${stack}/${name}`,
        // A version may be built again, to deploy it again: what runs is named by digest, and a tag is for people.
        imageTagMutability: 'MUTABLE',
        imageScanningConfiguration: { scanOnPush: true },
        encryptionConfigurations: [{ encryptionType: 'KMS', kmsKey: keyArn }],
        forceDelete: !config.protect,
      },
      child,
    )
    new aws.ecr.LifecyclePolicy(
      name,
      {
        repository: repository.name,
        policy: JSON.stringify({
          rules: [
            {
              rulePriority: 1,
              description: 'keep the last 50',
              selection: { tagStatus: 'any', countType: 'imageCountMoreThan', countNumber: 50 },
              action: { type: 'expire' },
            },
          ],
        }),
      },
      child,
    )
    const cache = pulumi.interpolate`${repository.repositoryUrl}:cache`
    const image = new docker.Image(
      name,
      {
        context: { location: '..' },
        dockerfile: { location: `../${dockerfile}` },
        platforms: [config.architecture === 'arm64' ? docker.Platform.Linux_arm64 : docker.Platform.Linux_amd64],
        tags: [pulumi.interpolate`${repository.repositoryUrl}:${config.version}`],
        push: true,
        buildOnPreview: false,
        cacheFrom: [{ registry: { ref: cache } }],
        cacheTo: [{ registry: { ref: cache, imageManifest: true, ociMediaTypes: true, mode: docker.CacheMode.Max } }],
        registries: [
          {
            address: repository.repositoryUrl,
            username: login.userName,
            password: pulumi.secret(login.password),
          },
        ],
      },
      child,
    )
    this.repositoryArn = repository.arn
    this.ref = image.ref
    this.registerOutputs({ ref: this.ref })
  }
}
