import type { SnapshotReport } from '../daemon/snapshot-run.ts'

type MatchReport = SnapshotReport['matches'][number]

/**
 * The report with its four headings. Of several matches each has all four, under its name; of none the headings
 * stand with nothing in them. The answers to the configured questions follow, each under its question.
 */
export function reportText({
  elapsedMs,
  matches,
  answers,
}: Pick<SnapshotReport, 'elapsedMs' | 'matches' | 'answers'>): string {
  const sections = matches.length === 0 ? [{ name: '', total: 0, sample: [], ddl: '' }] : matches
  const asked = answers.map(({ question, rows }) => `${[question, ...rows].join('\n')}\n`)
  const matched = sections.map((match) => {
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
  return [...matched, ...asked].join('\n')
}

function elapsedText(elapsedMs: number): string {
  const seconds = Math.round(elapsedMs / 1000)
  return `${Math.floor(seconds / 60)} minutes, ${seconds % 60} seconds`
}

/** The same and more as one line of JSON. Sample rows stay the text they are, so that no number loses digits. */
export function reportJson(report: SnapshotReport): string {
  const { elapsedMs, matches, answers, deadLetters, pendingDeletions, warnings } = report
  const rest = JSON.stringify({ deadLetters, pendingDeletions, warnings }).slice(1)
  const asked = answers.map(
    ({ question, rows }) => `{"question":${JSON.stringify(question)},"rows":[${rows.join(',')}]}`,
  )
  return `{"elapsedMs":${Math.round(elapsedMs)},"matches":[${matches.map(matchJson).join(',')}],"answers":[${asked.join(',')}],${rest}\n`
}

function matchJson({ name, total, ambiguous, sample, ddl }: MatchReport): string {
  const head = JSON.stringify({ name, total, ambiguous }).slice(0, -1)
  return `${head},"sample":[${sample.join(',')}],"ddl":${JSON.stringify(ddl)}}`
}

/** What else there is to know, for stderr: a line each. Warnings were logged when they were found. */
export function reportNotes({ matches, deadLetters, pendingDeletions }: SnapshotReport): string[] {
  const pending = Object.entries(pendingDeletions).filter(([, count]) => count > 0)
  return [
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
