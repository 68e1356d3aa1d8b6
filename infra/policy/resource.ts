/** A resource as rules see it, in the policy pack and in tests alike. */
export interface Resource {
  readonly urn: string
  /** Pulumi's type token, such as `aws:rds/instance:Instance`. */
  readonly type: string
  /** Its name in the program. */
  readonly name: string
  readonly props: Readonly<Record<string, unknown>>
}

/** One rule about one resource. */
export interface Rule {
  readonly name: string
  readonly description: string
  /** What is wrong with the resource; nothing if it is right or not the rule's business. */
  readonly check: (resource: Resource) => readonly string[]
}

/** One rule about what a stack has, or lacks, as a whole. */
export interface StackRule {
  readonly name: string
  readonly description: string
  readonly check: (resources: readonly Resource[]) => readonly string[]
}

export interface Container {
  readonly name: string
  readonly image?: string
  readonly command?: readonly string[]
  readonly cpu?: number
  readonly memory?: number
  readonly privileged?: boolean
  readonly readonlyRootFilesystem?: boolean
  readonly stopTimeout?: number
  readonly portMappings?: readonly { readonly name?: string; readonly containerPort: number }[]
  readonly environment?: readonly { readonly name: string; readonly value: string }[]
  readonly secrets?: readonly { readonly name: string; readonly valueFrom: string }[]
  readonly healthCheck?: { readonly command: readonly string[] }
  readonly logConfiguration?: { readonly logDriver: string; readonly options?: Readonly<Record<string, string>> }
}

/** The containers of a task definition; none while Pulumi does not know them yet, or of another type. */
export function containersOf({ type, props }: Resource): readonly Container[] {
  const definitions = props['containerDefinitions']
  if (type !== 'aws:ecs/taskDefinition:TaskDefinition' || typeof definitions !== 'string') return []
  return JSON.parse(definitions) as Container[]
}
