import { onOneLine, paint } from '../screen.ts'
import { OpsRefused, type DeadLetter, type Group, type OpsClient, type Selection } from './ops-client.ts'

type Print = (line: string) => void

/**
 * Prints the dead letters of all services, one group for each cause, newest first.
 * @throws OpsRefused when a service could not be asked, after printing what the others have.
 */
export async function list(clients: readonly OpsClient[], print: Print): Promise<void> {
  const { done, refused } = await ofEach(clients, client => client.list())
  const groups = done.flatMap(({ result }) => result).toSorted((a, b) => b.lastDiedAt.localeCompare(a.lastDiedAt))
  for (const group of groups) print(`${describe(group)}\n`)
  if (groups.length === 0) print(`No dead letters in ${done.map(({ service }) => service).join(', ')}.`)
  requireAll(refused)
}

function describe({
  count,
  type,
  queue,
  reason,
  error,
  fingerprint,
  firstDiedAt,
  lastDiedAt,
  newestId,
}: Group): string {
  const period = count === 1 ? lastDiedAt : `${firstDiedAt} to ${lastDiedAt}`
  return [
    `${paint('bold', `${count} × ${onOneLine(type)}`)} in ${paint('cyan', queue)}  ${paint('dim', period)}`,
    `  ${paint('red', reason)}${error === null ? '' : `: ${clip(onOneLine(error))}`}`,
    `  newest ${newestId}  fingerprint ${fingerprint}`,
  ].join('\n')
}

function clip(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}…` : text
}

/** Prints one dead letter with its payload. @throws OpsRefused */
export async function show(clients: readonly OpsClient[], id: string, print: Print): Promise<void> {
  const { letter } = await locate(clients, id)
  const { payload, ...facts } = letter
  for (const [name, value] of Object.entries(facts))
    print(`${name.padEnd(12)} ${value === null ? '–' : onOneLine(String(value))}`)
  print(`payload      ${onOneLine(payload)}`)
}

/** Sends one dead letter back to its queue. @throws OpsRefused */
export async function replayOne(clients: readonly OpsClient[], id: string, print: Print): Promise<void> {
  const { client, letter } = await locate(clients, id)
  await client.replayOne(id)
  print(`${letter.type} goes back to ${letter.queue}.`)
}

/**
 * Sends all dead letters of a cause, or all at all, back to their queues, or only counts them.
 * @throws OpsRefused when a service did not do so, after all others have; or when there were none of that cause.
 */
export async function replay(
  clients: readonly OpsClient[],
  selection: Selection,
  { dryRun, print }: { readonly dryRun: boolean; readonly print: Print },
): Promise<void> {
  const { done, refused } = await ofEach(clients, client => client.replay(selection, dryRun))
  const some = done.filter(({ result }) => result > 0)
  for (const { service, result } of some)
    print(`app-${service}: ${result} ${dryRun ? 'would go' : 'go'} back to their queues`)
  requireAll(refused)
  if (some.length > 0) return
  const none = 'There are none that can be replayed; malformed ones and those older than INBOX_RETENTION cannot.'
  if ('fingerprint' in selection) throw new OpsRefused(none)
  print(none)
}

/** Removes one dead letter for good. @throws OpsRefused */
export async function remove(clients: readonly OpsClient[], id: string, print: Print): Promise<void> {
  const { client, letter } = await locate(clients, id)
  await client.remove(id)
  print(`${letter.type} of ${letter.queue} is deleted.`)
}

/** Removes all dead letters of a cause that there are now. @throws OpsRefused, also when there are none. */
export async function removeAll(clients: readonly OpsClient[], fingerprint: string, print: Print): Promise<void> {
  const { done, refused } = await ofEach(clients, client => removeGroup(client, fingerprint))
  const some = done.filter(({ result }) => result > 0)
  for (const { service, result } of some) print(`app-${service}: ${result} deleted`)
  requireAll(refused)
  if (some.length === 0) throw new OpsRefused(`There are no dead letters of the fingerprint ${fingerprint}.`)
}

async function removeGroup(client: OpsClient, fingerprint: string): Promise<number> {
  const find = async () => (await client.list()).find(group => group.fingerprint === fingerprint)
  const first = await find()
  // Counted, because more may die meanwhile.
  let removed = 0
  for (let group = first; group && removed < (first?.count ?? 0); group = await find()) {
    await client.remove(group.newestId)
    removed++
  }
  return removed
}

/** Which service has it: ids are unique over all of them. */
async function locate(
  clients: readonly OpsClient[],
  id: string,
): Promise<{ readonly client: OpsClient; readonly letter: DeadLetter }> {
  const { done, refused } = await ofEach(clients, async client => ({ client, letter: await client.find(id) }))
  for (const { result } of done) if (result.letter) return { client: result.client, letter: result.letter }
  requireAll(refused)
  throw new OpsRefused(`There is no dead letter ${id}.`)
}

/** What came of the same work at each service, in their order. */
async function ofEach<Result>(clients: readonly OpsClient[], work: (client: OpsClient) => Promise<Result>) {
  const outcomes = await Promise.all(clients.map(client => work(client).then(toDone(client), toRefused)))
  return {
    done: outcomes.flatMap(outcome => ('result' in outcome ? [outcome] : [])),
    refused: outcomes.filter(outcome => outcome instanceof OpsRefused),
  }
}

const toDone =
  ({ service }: OpsClient) =>
  <Result>(result: Result) => ({ service, result })

function toRefused(error: unknown): OpsRefused {
  if (error instanceof OpsRefused) return error
  throw error
}

function requireAll(refused: readonly OpsRefused[]): void {
  if (refused.length > 0) throw new OpsRefused(refused.map(({ message }) => message).join('\n'))
}
