import type { Json } from '../changes/ledger.ts'
import { OperatorError } from '../runtime/errors.ts'
import { fence } from '../state/lease.ts'
import { countWaiting, readModels, wantModel, type StoredModel } from '../state/models.ts'
import type { Session } from '../state/session.ts'
import { beginVersion, fingerprintOf, type RestorePlan } from './live-matches.ts'
import type { LiveMatch, MatchPlan } from './match-plan.ts'
import { publish } from './publish.ts'
import type { WarehouseState } from './warehouse-state.ts'

/** What of each match the warehouse shows, or is to show. */
interface Shown {
  readonly published: LiveMatch | null
  /** To be published when it is whole. */
  readonly wanted: LiveMatch | null
}

interface PublishOptions {
  /** See `publish`. */
  readonly beside?: Session
  readonly onPublished?: (match: LiveMatch) => void
}

/**
 * Publishes every version that is wanted and whole, that is, of which no record waits to be matched; and shows those
 * that are published already as they are configured now. Returns whether all that is wanted is published.
 */
export async function publishWhole(
  session: Session,
  state: WarehouseState,
  { beside, onPublished = () => undefined }: PublishOptions = {},
): Promise<boolean> {
  let done = true
  for (const name of matchNames(state)) {
    const { published, wanted } = await shownOf(session, state, name)
    const isWhole = wanted !== null && (await countWaiting(session, wanted.model)) === 0
    if (wanted && !isWhole) done = false
    const next = isWhole ? wanted : published
    if (!next) continue
    await publish(session, next, state, beside)
    onPublished(next)
  }
  return done
}

/** The matches of which a version follows the commits. */
export function matchNames(state: WarehouseState): string[] {
  return [...new Set(state.matches.map(({ plan }) => plan.name))]
}

async function shownOf(session: Session, state: WarehouseState, name: string): Promise<Shown> {
  const stored = await readModels(session, name)
  const followed = (model: StoredModel | undefined): LiveMatch | null =>
    state.matches.find((match) => match.model === model?.model) ?? null
  return {
    published: followed(stored.find((model) => model.state === 'published')),
    wanted: followed(stored.find((model) => model.state === 'building' && model.wanted)),
  }
}

/**
 * Has a version published as soon as it is whole. A version that is published already stays it. Returns those that were
 * to be published and are only followed now.
 */
export async function wantVersion(
  session: Session,
  state: WarehouseState,
  { match, model }: { match: string; model: number },
): Promise<number[]> {
  return session.transaction(async () => {
    const stored = await readModels(session, match)
    const version = stored.find((one) => one.model === model)
    if (!version || !state.matches.some((one) => one.model === model))
      throw noSuchVersion(match, model, stored)
    await wantModel(session, version)
    await fence(session, state.term)
    return stored
      .filter((one) => one.state === 'building' && one.wanted && one !== version)
      .map((one) => one.model)
  })
}

/** Throws an `OperatorError` (`overtaken`) unless the version is the one that the warehouse shows. */
export async function requirePublished(
  session: Session,
  { match, model }: { match: string; model: number },
): Promise<void> {
  const stored = await readModels(session, match)
  const published = stored.find((one) => one.state === 'published')?.model
  if (published === model) return
  throw new OperatorError({
    area: 'usage',
    code: 'overtaken',
    message: `model ${model} of the match ${match} is not published: another one was asked for meanwhile, and model ${published} is`,
    hint: '`syncline status` lists the models; ask for one again',
  })
}

/**
 * Begins a version of a match with what was learnt from data; it is built and followed, and published when it is asked
 * for. The same asked twice is one version. Returns its number.
 */
export async function addCalibrated(
  session: Session,
  state: WarehouseState,
  { match, calibration, restore }: { match: string; calibration: Json; restore: RestorePlan },
): Promise<number> {
  return addBeside(session, state, match, (published) => ({
    plan: restore({ configured: published.definition, fields: published.model.fields, calibration }),
    wanted: false,
  }))
}

/**
 * Begins the published version of a match anew from the mirrors, to be published as soon as it is whole: whatever had
 * gone wrong with its records, keys, pairs or assignment is right then. Asked again before that, it is the same version.
 */
export async function rebuildMatch(session: Session, state: WarehouseState, match: string): Promise<number> {
  return addBeside(session, state, match, (plan) => ({ plan, wanted: true }))
}

async function addBeside(
  session: Session,
  state: WarehouseState,
  match: string,
  make: (published: MatchPlan) => { readonly plan: MatchPlan; readonly wanted: boolean },
): Promise<number> {
  const begun = await session.transaction(async () => {
    const stored = await readModels(session, match)
    const published = stored.find((one) => one.state === 'published')
    const base = state.matches.find((one) => one.model === published?.model)?.plan
    if (!base) throw notPublished(match)
    const { plan, wanted } = make(base)
    const same = stored.find(
      (one) => one.fingerprint === fingerprintOf(plan) && (!wanted || one.state === 'building'),
    )
    if (same && wanted) await wantModel(session, same)
    if (same) return same.model
    const begun = await beginVersion(session, plan, { wanted, mirrors: state.mirrors })
    // Beside a match that is followed nobody may wait for look-ups without an index, or for one that is made later.
    await begun.keys.l.index(session)
    await begun.keys.r.index(session)
    await fence(session, state.term)
    return begun
  })
  if (typeof begun === 'number') return begun
  begun.keys.l.committed(session)
  begun.keys.r.committed(session)
  state.addMatch(begun)
  return begun.model
}

function noSuchVersion(match: string, model: number, stored: readonly StoredModel[]): OperatorError {
  return new OperatorError({
    area: 'usage',
    code: 'no-such-model',
    message: `the match ${match} has no model ${model} that is kept up to date`,
    hint: `it has: ${stored.map((one) => one.model).join(', ')}`,
  })
}

function notPublished(match: string): OperatorError {
  return new OperatorError({
    area: 'usage',
    code: 'match-not-published',
    message: `the match ${match} has not been published yet`,
    hint: 'a model is built beside the published one: wait for that',
  })
}
