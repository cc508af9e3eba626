import { assignAll, countAmbiguous } from '../match/bulk.ts'
import { fence } from '../state/lease.ts'
import { qualified } from '../state/identifiers.ts'
import { dropModel, publishModel, readModels } from '../state/models.ts'
import type { Session } from '../state/session.ts'
import type { LiveMatch } from './match-plan.ts'
import { ensureMatchedTable, publishMatch } from './matched-table.ts'
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
 * Assigns one match anew over its stored pairs and makes the warehouse table show it, in one commit. A model
 * version that was being built takes the place of the published one.
 */
export async function publish(session: Session, match: LiveMatch, state: WarehouseState): Promise<void> {
  const { plan, model } = match
  await session.transaction(async () => {
    await assignAll(session, model, plan.model)
    await ensureMatchedTable(session, {
      schema: state.schema,
      plan,
      mirrors: state.mirrors,
      views: state.views,
    })
    await publishMatch(session, { schema: state.schema, match, mirrors: state.mirrors })
    for (const stored of await readModels(session, plan.name)) {
      if (stored.model !== model) await dropModel(session, stored.model)
    }
    await match.keys.l.index(session)
    await match.keys.r.index(session)
    await publishModel(session, model)
    await fence(session, state.term)
  })
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
