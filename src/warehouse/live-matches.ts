import { createHash } from 'node:crypto'
import type { Json } from '../changes/ledger.ts'
import { OperatorError } from '../runtime/errors.ts'
import { KeyTable } from '../state/key-table.ts'
import {
  createModel,
  dropModel,
  forgetFingerprints,
  readModels,
  wantModel,
  type StoredModel,
} from '../state/models.ts'
import type { Session } from '../state/session.ts'
import { checkPlan } from './check-plan.ts'
import { indexJoins } from './join-indexes.ts'
import type { LiveMatch, MatchPlan, SidePlan } from './match-plan.ts'
import type { Mirror } from './mirror-table.ts'
import { queueAllRecords } from './rematch-queue.ts'

type Mirrors = ReadonlyMap<string, Mirror>

/** Compiles a version again from what was stored with it. */
export type RestorePlan = (stored: Pick<StoredModel, 'configured' | 'fields' | 'calibration'>) => MatchPlan

export interface EnsureOptions {
  readonly plans: readonly MatchPlan[]
  readonly mirrors: Mirrors
  readonly restore: RestorePlan
}

export interface EnsuredMatches {
  /** Every version that follows the changes of its streams, of each match the published one first. */
  readonly matches: readonly LiveMatch[]
  /** Numbers of the versions that are published already: their assignment and table follow, too. */
  readonly live: ReadonlySet<number>
}

/**
 * Finds the stored versions of each plan that can be kept up to date, and begins a new one if none of them is what is
 * configured. A version belongs to the section of the configuration that it was made from (`origin`), by itself or with
 * what was learnt from data. The published version of another section stays, and follows every change, until the new
 * one is whole; unpublished ones of other sections are dropped. Needs an open transaction.
 */
export async function ensureLiveMatches(session: Session, options: EnsureOptions): Promise<EnsuredMatches> {
  const matches: LiveMatch[] = []
  const live = new Set<number>()
  for (const plan of options.plans) {
    checkPlan(plan, options.mirrors)
    for (const version of await ensureVersions(session, plan, options)) {
      matches.push(version.match)
      if (version.isLive) live.add(version.match.model)
    }
  }
  await forgetFingerprints(
    session,
    matches.map(({ model }) => model),
  )
  return { matches, live }
}

interface Version {
  readonly match: LiveMatch
  readonly isLive: boolean
}

async function ensureVersions(session: Session, plan: MatchPlan, options: EnsureOptions): Promise<Version[]> {
  const versions: Version[] = []
  /** What was learnt for this section, should the version that has it not be usable any more. */
  let calibration: Json = null
  let isThere = false
  for (const stored of await readModels(session, plan.name)) {
    const isPublished = stored.state === 'published'
    const own = belongs(stored, plan)
    const followed = followedPlan(stored, plan, options)
    if (own && isPublished) calibration = stored.calibration
    if (followed && (own || isPublished)) {
      const match = await openVersion(session, followed, stored.model)
      const isLive = isPublished && stored.shown !== null
      if (isPublished) versions.unshift({ match, isLive })
      else versions.push({ match, isLive })
      isThere ||= own && (isPublished || stored.wanted)
    } else if (!isPublished) await dropModel(session, stored.model)
  }
  if (!isThere) {
    const wanted = calibration === null ? plan : options.restore({ ...restorable(plan), calibration })
    // Somebody may have asked for another one while it was built.
    const same = versions.find(({ match }) => fingerprintOf(match.plan) === fingerprintOf(wanted))
    if (same) await wantModel(session, { match: plan.name, model: same.match.model })
    else {
      const match = await beginVersion(session, wanted, { wanted: true, mirrors: options.mirrors })
      versions.push({ match, isLive: false })
    }
  }
  return versions
}

/** Whether the version is one of the configured section. */
const belongs = (stored: StoredModel, plan: MatchPlan): boolean =>
  stored.origin === plan.origin || stored.fingerprint === fingerprintOf(plan)

const restorable = ({ definition, model }: MatchPlan): Pick<StoredModel, 'configured' | 'fields'> => ({
  configured: definition,
  fields: model.fields,
})

/**
 * The plan by which a stored version can be kept up to date, or null: it has missed changes, another release of Syncline
 * made it, or its streams have not what it reads. Of its own section, what is only shown is as configured now.
 */
function followedPlan(
  stored: StoredModel,
  plan: MatchPlan,
  { mirrors, restore }: EnsureOptions,
): MatchPlan | null {
  if (stored.fingerprint === '') return null
  if (stored.fingerprint === fingerprintOf(plan)) return plan
  const own = belongs(stored, plan)
  if (own && stored.calibration === null) return null
  try {
    const restored = restore(own ? { ...restorable(plan), calibration: stored.calibration } : stored)
    checkPlan(restored, mirrors)
    return fingerprintOf(restored) === stored.fingerprint ? restored : null
  } catch (error) {
    if (error instanceof OperatorError) return null
    throw error
  }
}

async function openVersion(session: Session, plan: MatchPlan, model: number): Promise<LiveMatch> {
  const { compared } = plan.model
  const keys = {
    l: await KeyTable.open(session, { model, side: 'l', compared }),
    r: await KeyTable.open(session, { model, side: 'r', compared }),
  }
  return { plan, model, keys }
}

/**
 * Begins a version: its tables are empty, and every record of the mirrors waits to be matched by it. `wanted`: published
 * as soon as it is whole. Needs an open transaction.
 */
export async function beginVersion(
  session: Session,
  plan: MatchPlan,
  { wanted, mirrors }: { wanted: boolean; mirrors: Mirrors },
): Promise<LiveMatch> {
  const model = await createModel(session, {
    match: plan.name,
    fingerprint: fingerprintOf(plan),
    origin: plan.origin,
    wanted,
    definition: {
      ...decisive(plan),
      passes: plan.model.passes,
      configured: plan.definition,
      calibration: plan.calibration,
    },
  })
  const match = await openVersion(session, plan, model)
  await indexJoins(session, match, mirrors)
  await queueAllRecords(session, match, mirrors)
  return match
}

/** Of everything that decides records, keys, scores and matches of a version. */
export function fingerprintOf(plan: MatchPlan): string {
  return createHash('sha256')
    .update(JSON.stringify(decisive(plan)))
    .digest('hex')
}

function decisive({ model, left, right }: MatchPlan): Record<string, Json> {
  const side = ({ stream, joins, fields }: SidePlan): Json => ({
    stream,
    joins: joins.map(({ stream, column, joinedColumn }) => [stream, column, joinedColumn]),
    // In an order that does not depend on where the plan comes from: JSON in Postgres keeps none.
    fields: [...fields].map(([name, { stream, column }]) => [name, stream, column]).sort(),
  })
  const { fingerprint, threshold, floor, fields } = model
  return { fingerprint, threshold, floor, fields, left: side(left), right: side(right) }
}
