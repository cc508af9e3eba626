import type { NamedEvaluation } from '../evaluate.ts'
import { textTable } from './text-table.ts'

type Curve = NamedEvaluation['decidable']
type Point = Curve['atThreshold']
type Pattern = NamedEvaluation['patterns'][number]

const patternsShown = 25

/** One line of JSON; scores in milli-bits as they are stored. */
export function evaluationJson(evaluation: NamedEvaluation): string {
  return `${JSON.stringify(evaluation)}\n`
}

export function evaluationText(evaluation: NamedEvaluation): string {
  const { match, model, decidable, all, blockingRecall, candidates, absentPairs, patterns } = evaluation
  const lines = [
    `Match ${match}, model ${model}: ${decidable.expected} decidable matches to be found, ${all.expected} in all`,
    '',
    ...textTable([
      ['threshold in bits', 'precision', 'recall', 'F1', 'matches', 'wrong'],
      ...decidable.points.map((point) =>
        pointCells(point, point.threshold === evaluation.threshold ? ' in use' : ''),
      ),
      ...(decidable.atPrecision ? [pointCells(decidable.atPrecision, ' precision .995')] : []),
      ...(decidable.best ? [pointCells(decidable.best, ' best F1')] : []),
      pointCells(all.atThreshold, ' all records'),
    ]),
    '',
    `Blocking recall: ${share(blockingRecall.decidable)} (all records ${share(blockingRecall.all)})`,
    `Candidates: ${candidates.perRight.toFixed(1)} for each right record, ${candidates.perLeft.toFixed(1)} for each ` +
      `left one (from ${candidates.sampled} right records)`,
    ...(absentPairs === 0 ? [] : [`True pairs of which a record is not in this match: ${absentPairs}`]),
    '',
    ...textTable([
      ['pairs by their fields', 'true', 'matched', 'too low', 'rival', 'no key', 'wrong'],
      ...patterns.slice(0, patternsShown).map(patternCells),
    ]),
  ]
  const more = patterns.length - patternsShown
  return [...lines, ...(more > 0 ? [`and ${more} rarer ones (--json has them)`] : []), ''].join('\n')
}

function pointCells({ threshold, precision, recall, f1, found, correct }: Point, mark: string): string[] {
  return [
    `${(threshold / 1000).toFixed(1)}${mark}`,
    share(precision),
    share(recall),
    share(f1),
    String(found),
    String(found - correct),
  ]
}

function patternCells({ levels, pairs, matched, belowThreshold, rival, noKey, wrong }: Pattern): string[] {
  const text = Object.entries(levels)
    .filter(([, level]) => level !== 'exact')
    .map(([field, level]) => `${field} ${level}`)
    .join(', ')
  return [text || 'all exact', ...[pairs, matched, belowThreshold, rival, noKey, wrong].map(String)]
}

function share(value: number | null): string {
  return value === null ? '-' : value.toFixed(4)
}
