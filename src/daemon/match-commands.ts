import type { Json } from '../changes/ledger.ts'
import { OperatorError } from '../runtime/errors.ts'
import type { Verdict } from '../state/decisions.ts'
import { review, type Review } from '../warehouse/review.ts'
import {
  addCalibrated,
  matchNames,
  rebuildMatch,
  requirePublished,
  wantVersion,
} from '../warehouse/versions.ts'
import { storedPlan } from '../wiring.ts'
import type { CommandHandler } from './command-runner.ts'
import type { CommitTurns } from './commit-turns.ts'
import type { Leader } from './leader.ts'
import type { MatchKeeper } from './match-keeper.ts'

/** What may be asked of the leader about matches, by the name of the command. */
export function matchCommandHandlers(
  { writer, state }: Leader,
  turns: CommitTurns,
  keeper: MatchKeeper,
): Readonly<Record<string, CommandHandler>> {
  const named = (match: Json | undefined): string => {
    const name = textOf(match)
    if (!matchNames(state).includes(name)) throw unknownMatch(name)
    return name
  }
  return {
    calibrated: async ({ arguments: { match, calibration } }, signal) => {
      const learnt = { match: named(match), calibration: calibration ?? null, restore: storedPlan }
      const model = await turns.take(signal, () => addCalibrated(writer.session, state, learnt))
      await keeper.drained(signal)
      return { model }
    },
    use: async ({ arguments: { match, model } }, signal) => {
      const version = { match: named(match), model: Number(model) }
      const setAside = await turns.take(signal, () => wantVersion(writer.session, state, version))
      await keeper.publishWanted(signal)
      await turns.take(signal, () => requirePublished(writer.session, version))
      return { model: version.model, setAside }
    },
    rebuild: async ({ arguments: { match } }, signal) => {
      const name = named(match)
      const model = await turns.take(signal, () => rebuildMatch(writer.session, state, name))
      await keeper.publishWanted(signal)
      return { model }
    },
    review: async ({ arguments: { match, reviews, by } }, signal) => {
      const name = named(match)
      const asked = reviewsOf(reviews, textOf(by))
      const outcomes = await turns.take(signal, () =>
        review(writer.session, state, { match: name, reviews: asked, by: textOf(by) }),
      )
      return outcomes.map(({ contradicts, ...outcome }) => ({
        ...outcome,
        contradicts: contradicts.map((other) => ({ ...other })),
      }))
    },
  }
}

function reviewsOf(value: Json | undefined, by: string): Review[] {
  if (!Array.isArray(value)) return []
  return value.map((one) => {
    const { left, right, verdict, reason, by: said, at } = one as Readonly<Record<string, Json>>
    const known = verdict === 'must' || verdict === 'cannot' ? (verdict satisfies Verdict) : null
    return {
      left: textOf(left),
      right: textOf(right),
      verdict: known,
      by: typeof said === 'string' ? said : by,
      reason: typeof reason === 'string' ? reason : null,
      ...(typeof at === 'string' ? { at } : {}),
    }
  })
}

function unknownMatch(name: string): OperatorError {
  return new OperatorError({
    area: 'usage',
    code: 'no-such-match',
    message: `the running Syncline has no match ${name}`,
    hint: 'it runs with another configuration: restart it',
  })
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : JSON.stringify(value ?? null)
}
