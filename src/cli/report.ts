import type { SnapshotReport } from '../daemon.ts'

type MatchReport = SnapshotReport['matches'][number]

type Answer = SnapshotReport['answers'][number]

/**
 * The report with its four headings and, beneath them, nothing: answers go elsewhere (`answersText`). Of several matches each has all four, under its name; of none the headings
 * stand with nothing in them.
 */
export function reportText({ elapsedMs, matches }: Pick<SnapshotReport, 'elapsedMs' | 'matches'>): string {
  const sections = matches.length === 0 ? [{ name: '', total: 0, sample: [], ddl: '' }] : matches
  return sections
    .map((match) => {
      const lines = [
        ...(sections.length > 1 ? [`Match: ${match.name}`] : []),
        `Elapsed Time: ${elapsedText(elapsedMs)}`,
        `Total Matches: ${match.total}`,
        'Sample Output:',
        ...match.sample,
        'SQL DDL:',
        ...(match.ddl === '' ? [] : [match.ddl.trimEnd()]),
      ]
      return `${lines.join('\n')}\n`
    })
    .join('\n')
}

function elapsedText(elapsedMs: number): string {
  const seconds = Math.round(elapsedMs / 1000)
  return `${Math.floor(seconds / 60)} minutes, ${seconds % 60} seconds`
}

/** The same and more as one line of JSON. Sample rows stay the text they are, so that no number loses digits. */
export function reportJson(report: SnapshotReport): string {
  const { elapsedMs, matches, answers, deadLetters, pendingDeletions, warnings } = report
  const rest = JSON.stringify({ deadLetters, pendingDeletions, warnings }).slice(1)
  const matched = matches.map(matchJson).join(',')
  const answered = answers.map(answerJson).join(',')
  return `{"elapsedMs":${Math.round(elapsedMs)},"matches":[${matched}],"answers":[${answered}],${rest}\n`
}

function matchJson({ name, total, ambiguous, sample, ddl }: MatchReport): string {
  const head = JSON.stringify({ name, total, ambiguous }).slice(0, -1)
  return `${head},"sample":[${sample.join(',')}],"ddl":${JSON.stringify(ddl)}}`
}

function answerJson({ question, rows }: Answer): string {
  return `{"question":${JSON.stringify(question)},"rows":[${rows.join(',')}]}`
}

const shownRows = 10

/** The answers to the configured questions, the first rows of each. */
export function answersText(answers: readonly Answer[]): string {
  return answers
    .map(({ question, rows }) => {
      const more = rows.length - shownRows
      const rest = more > 0 ? [`… and ${more} more; --json prints all`] : []
      return `${[question, ...rows.slice(0, shownRows), ...rest].join('\n')}\n`
    })
    .join('\n')
}

/** What else there is to know, for stderr: a line each. */
export function reportNotes({ matches, deadLetters, pendingDeletions, warnings }: SnapshotReport): string[] {
  const pending = Object.entries(pendingDeletions).filter(([, count]) => count > 0)
  return [
    ...warnings,
    ...matches
      .filter(({ ambiguous }) => ambiguous > 0)
      .map(
        ({ name, ambiguous }) => `${name}: ${ambiguous} of the matches had a rival that was nearly as good`,
      ),
    ...pending.map(
      ([source, count]) =>
        `${source}: ${count} ${records(count)} not seen this time, kept until another run confirms it`,
    ),
    ...(deadLetters > 0
      ? [`${deadLetters} ${records(deadLetters)} could not be taken in: see the table syncline.dead_letter`]
      : []),
  ]
}

function records(count: number): string {
  return count === 1 ? 'record' : 'records'
}
