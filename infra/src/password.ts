import * as pulumi from '@pulumi/pulumi'
import * as random from '@pulumi/random'

/** A generated password of letters and digits, as it may stand in a URL. It is kept, encrypted, in the stack's state. */
export function password(name: string, length: number, options: pulumi.CustomResourceOptions): pulumi.Output<string> {
  return pulumi.secret(new random.RandomPassword(name, { length, special: false }, options).result)
}
