import type { NamedExplanation } from '../daemon/explain-match.ts'
import { bits, heldText, scoreText } from './score-text.ts'
import { textTable } from './text-table.ts'

type Rival = NamedExplanation['rivals']['left'][number]

/** An explanation as people read it: the verdict, both records, the waterfall of the score, the rivals. */
export function explanationText(explanation: NamedExplanation): string {
  const { match, model, left, right, threshold, floor, score, sharedPasses, decision, positions } =
    explanation
  const lines = [
    verdictText(explanation),
    '',
    `match ${match}, model ${model} · threshold ${bits(threshold)} · review from ${bits(floor)} bits`,
    ...Object.entries(positions).map(([source, position]) => `source ${source} as of ${position}`),
  ]
  // Of what is not there nothing else can be told.
  if (!left.fields || right?.fields === null) return `${lines.join('\n')}\n`
  lines.push(...(decision === null ? [] : [`a reviewer said: ${decision}`]), '', ...waterfall(explanation))
  if (score !== null) {
    lines.push(
      '',
      sharedPasses.length === 0
        ? 'They share no blocking key.'
        : `They share the blocking keys: ${sharedPasses.join(' · ')}`,
    )
  }
  lines.push(...rivalLines(`Pairs of left ${left.id}`, explanation.rivals.left, threshold))
  if (right) lines.push(...rivalLines(`Pairs of right ${right.id}`, explanation.rivals.right, threshold))
  return `${lines.join('\n')}\n`
}

function verdictText({ left, right, outcome, score, threshold, floor, rivals }: NamedExplanation): string {
  if (!left.fields) return `The match has no left record ${left.id}: ids are the keys of its left stream.`
  if (!right) return `Left ${left.id} has no pair at all.`
  if (!right.fields) return `The match has no right record ${right.id}: ids are the keys of its right stream.`
  const pair = `Left ${left.id} and right ${right.id}`
  const held = (side: readonly Rival[]): string => side.find(({ matched }) => matched)?.id ?? ''
  const weight = bits(score ?? 0)
  switch (outcome) {
    case 'matched':
      return `${pair} are matched.`
    case 'no-record':
      return `${pair}: a record is missing.`
    case 'cannot':
      return `${pair} are not matched: a reviewer said so.`
    case 'no-shared-key':
      return `${pair} are not compared: they share no blocking key.`
    case 'below-review':
      return `${pair} are not matched: ${weight} bits, and pairs below ${bits(floor)} are not kept.`
    case 'below-threshold':
      return `${pair} are not matched: ${weight} bits, and the threshold is ${bits(threshold)}.`
    case 'left-has-better':
      return `${pair} are not matched: left ${left.id} has a better pair, right ${held(rivals.left)}.`
    case 'right-has-better':
      return `${pair} are not matched: right ${right.id} has a better pair, left ${held(rivals.right)}.`
    case 'waiting':
      return `${pair} are not matched yet: the match is still loading.`
    default:
      return outcome satisfies never
  }
}

function waterfall({ left, right, comparison, score }: NamedExplanation): string[] {
  let sum = 0
  const rows = comparison.map(({ field, level, weight, termFrequency }) => {
    sum += weight
    const value = (record: typeof right): string =>
      field === null ? '' : (record?.fields?.[field]?.normalised ?? '-')
    const rarity = termFrequency === 0 ? '' : signed(termFrequency)
    return [
      field ?? 'before any evidence',
      value(left),
      value(right),
      level,
      signed(weight),
      rarity,
      bits(sum),
    ]
  })
  if (rows.length > 0) {
    return textTable([
      ['field', `left ${left.id}`, `right ${right?.id ?? ''}`, 'level', 'bits', 'of it rarity', 'sum'],
      ...rows,
      ['total', '', '', '', bits(score ?? 0), '', ''],
    ])
  }
  return [left, right].flatMap((record) =>
    Object.entries(record?.fields ?? {}).map(
      ([field, { value }]) => `${record?.id ?? ''} ${field}: ${value ?? '-'}`,
    ),
  )
}

function rivalLines(title: string, rivals: readonly Rival[], threshold: number): string[] {
  if (rivals.length === 0) return ['', `${title}: none`]
  return [
    '',
    `${title}, best first:`,
    ...rivals.map((rival) => `  ${rival.id}  ${scoreText(rival.score)}  ${fate(rival, threshold)}`),
  ]
}

/** Why a pair is the match of the record, or not. */
function fate({ score, matched, matchedWith }: Rival, threshold: number): string {
  if (matched) return 'its match'
  if (matchedWith !== null) return `matched with ${matchedWith.id}${heldText(matchedWith.score)}`
  return score < threshold ? 'free, below the threshold' : 'free, but the match is better'
}

const signed = (milliBits: number): string => `${milliBits < 0 ? '' : '+'}${bits(milliBits)}`
