import { assignAll, countAmbiguous } from '../match/bulk.ts'
import { qualified } from '../state/identifiers.ts'
import { dropForgottenTables, dropModel, publishModel, readModels, setShown } from '../state/models.ts'
import type { Session } from '../state/session.ts'
import { indexJoins } from './join-indexes.ts'
import type { LiveMatch } from './match-plan.ts'
import { ensureMatchedTable, hasMatchedTable, keyMatchedTable, shownHash } from './matched-table.ts'
import { publishAll } from './net-changes.ts'
import { noting } from './noting.ts'
import { readTableDdl } from './table-ddl.ts'
import type { WarehouseState } from './warehouse-state.ts'

/** Two candidates closer than this are told apart by little: one bit, odds of two to one. */
const ambiguityMilliBits = 1_000

const sampleRows = 10

export interface PublishedMatch {
  readonly name: string
  readonly total: number
  /** JSON texts of the first rows by key. */
  readonly sample: readonly string[]
  readonly ddl: string
  /** Matches with a rival within one bit. */
  readonly ambiguous: number
}

/**
 * Publishes a match. A version that was loading is assigned in bulk over its stored pairs, takes the place of the
 * published one, which is dropped, and is live from this commit on. One that is live already is only shown anew, and
 * only if the configuration has changed how. On the connection `beside`, of the same term, indexes are made meanwhile: they
 * are no part of what is committed, and stay where they are should the publication fail.
 */
export async function publish(
  session: Session,
  match: LiveMatch,
  state: WarehouseState,
  beside?: Session,
): Promise<void> {
  const { plan, model } = match
  let replaced: number | undefined
  await noting(session, state, async () => {
    const indexes = indexesOf(match, state)
    const indexing = beside && makeNext(beside, indexes)
    try {
      if (!state.isLive(model)) await assignAll(session, model, plan.model)
      await showMatch(session, match, state)
      await makeNext(session, indexes)
    } finally {
      await indexing
    }
    const published = (await readModels(session, plan.name)).find((one) => one.state === 'published')
    if (published && published.model !== model) replaced = published.model
    if (replaced !== undefined) await dropModel(session, replaced)
    await publishModel(session, model)
    return Infinity
  })
  match.keys.l.published(session)
  match.keys.r.published(session)
  // What every record had in common is of little use to single changes, and marked by each full collection: while pages
  // were read and changes matched, these took 50 to 120 ms every two seconds.
  plan.model.forget()
  state.setLive(model, true)
  if (replaced === undefined) return
  state.removeMatch(replaced)
  await dropForgottenTables(session)
}

type MakeIndex = (session: Session) => Promise<void>

/** The indexes of a version that is followed; those that are there are left alone. */
function indexesOf(match: LiveMatch, { mirrors }: WarehouseState): MakeIndex[] {
  const { l, r } = match.keys
  return [
    (session) => l.index(session),
    (session) => r.index(session),
    (session) => indexJoins(session, match, mirrors),
  ]
}

/** Makes one after the other of those that nobody has begun. */
async function makeNext(session: Session, indexes: MakeIndex[]): Promise<void> {
  for (let make = indexes.shift(); make; make = indexes.shift()) await make(session)
}

/** Makes the matched table as the configuration has it and fills it anew, unless it shows the version that way already. */
async function showMatch(session: Session, match: LiveMatch, state: WarehouseState): Promise<void> {
  const { plan, model } = match
  const { schema, mirrors, views } = state
  const table = { schema, plan, mirrors, views }
  const exists = await hasMatchedTable(session, table)
  const reshape = (): Promise<void> => ensureMatchedTable(session, table)
  const key = (): Promise<void> => keyMatchedTable(session, table)
  const shown = shownHash(plan, mirrors)
  const stored = (await readModels(session, plan.name)).find((one) => one.model === model)
  if (exists && state.isLive(model) && stored?.shown === shown) {
    await reshape()
    await key()
    return
  }
  await publishAll(session, { schema, match, mirrors, cause: { kind: 'model' } }, { reshape, key })
  await setShown(session, model, shown)
}

/** Lets the tables of live matches take the shape that changed streams give them. Needs an open transaction. */
export async function reshapeMatched(session: Session, state: WarehouseState): Promise<void> {
  for (const match of state.matches) if (state.isLive(match.model)) await showMatch(session, match, state)
}

/** What the report says about a published match. */
export async function describeMatch(
  session: Session,
  match: LiveMatch,
  schema: string,
): Promise<PublishedMatch> {
  const { plan, model } = match
  const table = qualified(schema, plan.name)
  const [total] = await session.one(`select count(*) from ${table}`)
  const sample = await session.query(
    `select row_to_json(t)::text from (select * from ${table} order by 1 limit ${sampleRows}) t`,
  )
  return {
    name: plan.name,
    total: Number(total),
    sample: sample.map(([row]) => row ?? ''),
    ddl: await readTableDdl(session, schema, plan.name),
    ambiguous: await countAmbiguous(session, model, ambiguityMilliBits),
  }
}
