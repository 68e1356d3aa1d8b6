const services = ['orders', 'invoices', 'users', 'products', 'notifications', 'queries', 'partners']
const scopes = [
  'contracts',
  'chassis',
  ...services.map(name => `app-${name}`),
  'local',
  'journeys',
  'delivery',
  'docker',
  'infra',
  'docs',
  'ci',
  'deps',
]

/** @type {import('@commitlint/types').UserConfig} */
export default {
  extends: ['@commitlint/config-conventional'],
  rules: {
    'scope-enum': [2, 'always', scopes],
    // A subject may begin with a name: PostgreSQL, SIGTERM.
    'subject-case': [0],
    'header-max-length': [2, 'always', 120],
    // Links and quoted output do not wrap.
    'body-max-line-length': [0],
    'footer-max-line-length': [0],
  },
}
