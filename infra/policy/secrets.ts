import { containersOf, type Rule } from './resource.ts'

const secretName = /SECRET|PASSWORD|PASSWD|TOKEN|CREDENTIAL|API_?KEY|PRIVATE_?KEY|AUTHORIZATION/i
const hasPassword = /:\/\/[^/?#@]*:[^/?#@]+@/
/** Their names say secret, and they are not. */
const harmless = /_LIFETIME$/

export const secretsAreNotPlain: Rule = {
  name: 'secrets-are-not-plain',
  description: 'What is secret comes to a container from Secrets Manager, not in its environment, command or labels.',
  check(resource) {
    return containersOf(resource).flatMap(({ name, environment = [], command = [], ...rest }) => [
      ...environment
        .filter(
          variable =>
            (secretName.test(variable.name) && !harmless.test(variable.name)) || hasPassword.test(variable.value),
        )
        .map(variable => `gives ${name} ${variable.name} in plain text`),
      ...(hasPassword.test(JSON.stringify([command, rest])) ? [`gives ${name} a password in its definition`] : []),
    ])
  },
}
