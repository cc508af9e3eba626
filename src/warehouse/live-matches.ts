import { createHash } from 'node:crypto'
import type { Json } from '../changes/ledger.ts'
import { OperatorError } from '../runtime/errors.ts'
import { KeyTable } from '../state/key-table.ts'
import { createModel, dropModel, forgetFingerprints, readModels } from '../state/models.ts'
import type { Session } from '../state/session.ts'
import type { LiveMatch, MatchPlan, SidePlan } from './match-plan.ts'
import { keyOf, type Mirror } from './mirror-table.ts'
import { queueAllRecords } from './rematch-queue.ts'

type Mirrors = ReadonlyMap<string, Mirror>

/**
 * Finds the stored model version of each plan, or begins a new one. A version is known by its fingerprint: any
 * change of what is compared, how it weighs or where fields come from is a new version, built from the mirrors
 * while the published one stays as it is. Needs an open transaction.
 */
export async function ensureLiveMatches(
  session: Session,
  plans: readonly MatchPlan[],
  mirrors: Mirrors,
): Promise<EnsuredMatches> {
  const matches: LiveMatch[] = []
  const live = new Set<number>()
  for (const plan of plans) {
    const { match, isLive } = await ensureLiveMatch(session, plan, mirrors)
    matches.push(match)
    if (isLive) live.add(match.model)
  }
  await forgetFingerprints(
    session,
    matches.map(({ model }) => model),
  )
  return { matches, live }
}

export interface EnsuredMatches {
  readonly matches: readonly LiveMatch[]
  /** Numbers of the versions that are published already: every commit follows them. */
  readonly live: ReadonlySet<number>
}

async function ensureLiveMatch(
  session: Session,
  plan: MatchPlan,
  mirrors: Mirrors,
): Promise<{ match: LiveMatch; isLive: boolean }> {
  checkPlan(plan, mirrors)
  const decides = decisive(plan)
  const fingerprint = createHash('sha256').update(JSON.stringify(decides)).digest('hex')
  const stored = await readModels(session, plan.name)
  const same = stored.find((model) => model.fingerprint === fingerprint)
  for (const { model, state } of stored) {
    if (state === 'building' && model !== same?.model) await dropModel(session, model)
  }
  const model =
    same?.model ??
    (await createModel(session, {
      match: plan.name,
      fingerprint,
      definition: { ...decides, configured: plan.definition },
    }))
  const { compared } = plan.model
  const keys = {
    l: await KeyTable.open(session, { model, side: 'l', compared }),
    r: await KeyTable.open(session, { model, side: 'r', compared }),
  }
  const match = { plan, model, keys }
  if (!same) await queueAllRecords(session, match, mirrors)
  return { match, isLive: same?.state === 'published' && same.shown !== null }
}

/** Everything of a plan that decides its records, keys, scores and matches. */
function decisive({ model, left, right }: MatchPlan): Record<string, Json> {
  const side = ({ stream, joins, fields }: SidePlan): Json => ({
    stream,
    joins: joins.map(({ stream, column, joinedColumn }) => [stream, column, joinedColumn]),
    fields: [...fields].map(([name, { stream, column }]) => [name, stream, column]),
  })
  const { fingerprint, threshold, floor, fields } = model
  return { fingerprint, threshold, floor, fields, left: side(left), right: side(right) }
}

/** Refuses a plan that the shapes of its streams do not bear out. Streams not announced yet are passed over. */
export function checkPlan(plan: MatchPlan, mirrors: Mirrors): void {
  requireDates(plan, mirrors)
  for (const side of [plan.left, plan.right]) {
    for (const [field, { stream, column }] of side.fields) {
      requireColumn(`matches.${plan.name} field ${field}`, mirrors.get(stream), column)
    }
    for (const { stream, column, joinedColumn } of side.joins) {
      requireColumn(`matches.${plan.name} join`, mirrors.get(side.stream), column)
      const joined = mirrors.get(stream)
      requireColumn(`matches.${plan.name} join`, joined, joinedColumn)
      if (joined && !(keyOf(joined).length === 1 && keyOf(joined)[0]?.name === joinedColumn)) {
        throw new OperatorError({
          area: 'configuration',
          code: 'join-not-by-key',
          message: `matches.${plan.name} joins ${stream} by ${joinedColumn}, which is not its key`,
          hint: `join by the key of ${stream}: ${keyOf(joined)
            .map(({ name }) => name)
            .join(', ')}`,
        })
      }
    }
  }
}

function requireDates({ name, activity, left, right }: MatchPlan, mirrors: Mirrors): void {
  if (!activity) return
  for (const side of [left, right]) {
    const source = side.fields.get(activity.field)
    const column =
      source && mirrors.get(source.stream)?.columns.find((column) => column.name === source.column)
    if (!column || /^(date|timestamp)/.test(column.type)) continue
    throw new OperatorError({
      area: 'configuration',
      code: 'activity-no-date',
      message: `matches.${name}.activity: ${activity.field} of ${side.stream} is ${column.type}, not a date`,
      hint: 'name a field that holds a date or a time on both sides',
    })
  }
}

function requireColumn(where: string, mirror: Mirror | undefined, column: string): void {
  if (!mirror || mirror.columns.some(({ name }) => name === column)) return
  throw new OperatorError({
    area: 'configuration',
    code: 'no-such-column',
    message: `${where}: stream ${mirror.stream} has no column ${column}`,
    hint: `use one of: ${mirror.columns.map(({ name }) => name).join(', ')}`,
  })
}
