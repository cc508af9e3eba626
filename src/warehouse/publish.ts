import { assignAll, countAmbiguous } from '../match/bulk.ts'
import { qualified } from '../state/identifiers.ts'
import { dropModel, publishModel, readModels, setShown } from '../state/models.ts'
import type { Session } from '../state/session.ts'
import type { LiveMatch } from './match-plan.ts'
import { ensureMatchedTable, hasMatchedTable, shownHash } from './matched-table.ts'
import { publishAll } from './net-changes.ts'
import { noting } from './noting.ts'
import { indexJoins } from './rematch-queue.ts'
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
 * published one and is live from this commit on. One that is live already is only shown anew, and only if the
 * configuration has changed how.
 */
export async function publish(session: Session, match: LiveMatch, state: WarehouseState): Promise<void> {
  const { plan, model } = match
  await noting(session, state, async () => {
    if (!state.isLive(model)) await assignAll(session, model, plan.model)
    for (const stored of await readModels(session, plan.name)) {
      if (stored.model !== model) await dropModel(session, stored.model)
    }
    await match.keys.l.index(session)
    await match.keys.r.index(session)
    await indexJoins(session, match, state.mirrors)
    await publishModel(session, model)
    await showMatch(session, match, state)
    return Infinity
  })
  match.keys.l.committed(session)
  match.keys.r.committed(session)
  state.setLive(model, true)
}

/** Makes the matched table as the configuration has it and fills it anew, unless it shows the version that way already. */
async function showMatch(session: Session, match: LiveMatch, state: WarehouseState): Promise<void> {
  const { plan, model } = match
  const { schema, mirrors, views } = state
  const table = { schema, plan, mirrors, views }
  const exists = await hasMatchedTable(session, table)
  const reshape = (): Promise<void> => ensureMatchedTable(session, table)
  const shown = shownHash(plan, mirrors)
  const stored = (await readModels(session, plan.name)).find((one) => one.model === model)
  if (exists && state.isLive(model) && stored?.shown === shown) {
    await reshape()
    return
  }
  await publishAll(session, { schema, match, mirrors, cause: { kind: 'model' } }, { exists, reshape })
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
