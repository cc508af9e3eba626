import type { Json } from '../changes/ledger.ts'
import { OperatorError } from '../runtime/errors.ts'
import type { Verdict } from '../state/decisions.ts'
import { review, type Review } from '../warehouse/review.ts'
import type { CommandHandler } from './command-runner.ts'
import type { CommitTurns } from './commit-turns.ts'
import type { Leader } from './leader.ts'

/** What may be asked of the leader about matches, by the name of the command. */
export function matchCommandHandlers(
  { writer, state }: Leader,
  turns: CommitTurns,
): Readonly<Record<string, CommandHandler>> {
  return {
    review: async ({ arguments: { match, reviews, by } }, signal) => {
      const name = textOf(match)
      if (!state.matches.some(({ plan }) => plan.name === name)) throw unknownMatch(name)
      const asked = reviewsOf(reviews, textOf(by))
      const outcomes = await turns.take(signal, () =>
        review(writer.session, state, { match: name, reviews: asked, by: textOf(by) }),
      )
      return outcomes.map((outcome) => ({ ...outcome }))
    },
  }
}

function reviewsOf(value: Json | undefined, by: string): Review[] {
  if (!Array.isArray(value)) return []
  return value.map((one) => {
    const { left, right, verdict, reason, by: said } = one as Readonly<Record<string, Json>>
    const known = verdict === 'must' || verdict === 'cannot' ? (verdict satisfies Verdict) : null
    return {
      left: textOf(left),
      right: textOf(right),
      verdict: known,
      by: typeof said === 'string' ? said : by,
      reason: typeof reason === 'string' ? reason : null,
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
