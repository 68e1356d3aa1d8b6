import { styleText } from 'node:util'
import { chosenServices, portOf, type LocalConfig } from './config.ts'
import type { Infra } from './infra.ts'
import { services } from './services.ts'

type Style = Parameters<typeof styleText>[0]

/** Colours text where the output is a terminal that shows them. */
export function paint(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout })
}

/** What others wrote, without what would move a terminal's cursor or change its colours. */
export function onOneLine(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ')
}

/** Prints a step of a start that may take a while. */
export function showProgress(step: string): void {
  console.log(paint('dim', `  · ${step}`))
}

/** The screen that `npm start` ends with: what runs where, and what to try. */
export function startScreen(config: LocalConfig, infra: Infra, seconds: number): string {
  const gateway = `http://localhost:${config.GATEWAY_PORT}`
  const chosen = chosenServices(config)
  const apps = chosen.map(({ name, summary }) =>
    row(`app-${name}`, `http://localhost:${portOf(config, name)}/docs`, summary),
  )
  const left = services.filter(service => !chosen.includes(service)).map(({ name }) => name)
  return [
    '',
    paint(['bold', 'green'], `Feira is up`) + paint('dim', ` after ${seconds.toFixed(1)} s`),
    '',
    row('gateway', gateway, 'Everything public; open it in a browser.'),
    ...apps,
    ...infraRows(config, infra),
    ...(left.length > 0
      ? ['', `  Not started: ${left.join(', ')}. What is published for them waits in their queues.`]
      : []),
    '',
    paint('bold', 'Try'),
    `  TOKEN=$(npm run token -s)   ${paint('dim', 'signs in as admin; npm run token -s -- testuser multpex as a customer')}`,
    `  curl ${gateway}/orders -H "authorization: Bearer $TOKEN" -H 'content-type: application/json' -d '{"amount": 29.99}'`,
    `  curl ${gateway}/invoices -H "authorization: Bearer $TOKEN"`,
    `  npm run watch            ${paint('dim', 'in another terminal: what happens to orders, live')}`,
    `  npm run demo             ${paint('dim', 'in another terminal: the whole shop, step by step, as it happens')}`,
    '',
    paint('dim', 'Ctrl-C stops everything; the data is kept. LOG_LEVEL=info shows every request and message.'),
    '',
  ].join('\n')
}

/** The screen of `npm run infra`. */
export function infraScreen(config: LocalConfig, infra: Infra): string {
  const dev = services.map(({ name }) => `  npm run dev -w app-${name}`)
  const variables = services.flatMap(({ name }) => [
    paint('dim', `  # app-${name}`),
    ...Object.entries(infra.environmentOf(name))
      .filter(([, value]) => value)
      .map(([variable, value]) => `  export ${variable}='${value}'`),
  ])
  return [
    '',
    paint(['bold', 'green'], 'PostgreSQL, the broker and the mail server are up.'),
    '',
    ...infraRows(config, infra),
    '',
    paint('bold', 'In another terminal') + ' (while this runs, `npm run dev` finds both by itself)',
    ...dev,
    '',
    paint('bold', 'For other tools'),
    ...variables,
    '',
    paint('dim', 'Ctrl-C stops both; the data is kept.'),
    '',
  ].join('\n')
}

function infraRows(config: LocalConfig, { postgres, broker, mail }: Infra): string[] {
  const inbox = `http://localhost:${config.MAIL_UI_PORT}`
  const where = (embedded: boolean) => (embedded ? `Embedded; its data is in ${config.DATA_DIR}/.` : 'Yours.')
  return [
    row('PostgreSQL', withoutPassword(postgres.url), where(postgres.embedded)),
    row('broker', withoutPassword(broker.url), where(broker.embedded)),
    mail.embedded
      ? row('e-mails', inbox, 'Caught, not delivered: what customers would get.')
      : row('mail server', withoutPassword(mail.url), 'Yours: e-mails are delivered.'),
  ]
}

function row(name: string, address: string, note: string): string {
  return `  ${name.padEnd(18)} ${paint('cyan', address.padEnd(46))} ${paint('dim', note)}`
}

function withoutPassword(url: string): string {
  const parsed = new URL(url)
  parsed.password = ''
  return parsed.href
}
