import { describe, expect, it } from 'vitest'
import { reportJson, reportNotes, reportText } from '../../../src/cli/report.ts'
import type { SnapshotReport } from '../../../src/daemon/snapshot-run.ts'

const sample = Array.from({ length: 10 }, (_, index) => `{"internal_id":${index + 1},"weight":1.10}`)
const report: SnapshotReport = {
  elapsedMs: 83_400,
  matches: [
    {
      name: 'user_match',
      total: 15_000,
      sample,
      ddl: 'create table warehouse.user_match (\n  id integer\n);',
      ambiguous: 3,
    },
  ],
  answers: [],
  deadLetters: 0,
  pendingDeletions: { vendor: 0 },
  warnings: [],
}

describe('the report', () => {
  it('ends with the answers to the configured questions, each under its question', () => {
    const text = reportText({ ...report, answers: [{ question: 'How many?', rows: ['{"n":1}', '{"n":2}'] }] })
    expect(text.endsWith('\n);\n\nHow many?\n{"n":1}\n{"n":2}\n')).toBe(true)
  })

  it('has its four headings, the rows one a line, and nothing else', () => {
    expect(reportText(report)).toBe(
      [
        'Elapsed Time: 1 minutes, 23 seconds',
        'Total Matches: 15000',
        'Sample Output:',
        ...sample,
        'SQL DDL:',
        'create table warehouse.user_match (',
        '  id integer',
        ');',
        '',
      ].join('\n'),
    )
  })

  it.each([
    [0, '0 minutes, 0 seconds'],
    [499, '0 minutes, 0 seconds'],
    [59_600, '1 minutes, 0 seconds'],
    [3_600_000, '60 minutes, 0 seconds'],
  ])('rounds %j ms to whole seconds', (elapsedMs, text) => {
    expect(reportText({ ...report, elapsedMs }).split('\n')[0]).toBe(`Elapsed Time: ${text}`)
  })

  it('has the four headings for each of several matches, in order, under its name', () => {
    const matches = ['user_match', 'other_match'].flatMap((name) =>
      report.matches.map((match) => ({ ...match, name })),
    )
    const headings = reportText({ ...report, matches }).match(
      /^(Match|Elapsed Time|Total Matches|Sample Output|SQL DDL):.*$/gm,
    )
    expect(headings).toEqual([
      'Match: user_match',
      'Elapsed Time: 1 minutes, 23 seconds',
      'Total Matches: 15000',
      'Sample Output:',
      'SQL DDL:',
      'Match: other_match',
      'Elapsed Time: 1 minutes, 23 seconds',
      'Total Matches: 15000',
      'Sample Output:',
      'SQL DDL:',
    ])
  })

  it('keeps its headings without any match', () => {
    expect(reportText({ ...report, matches: [] })).toBe(
      'Elapsed Time: 1 minutes, 23 seconds\nTotal Matches: 0\nSample Output:\nSQL DDL:\n',
    )
  })

  it('is one line as JSON, the rows digit for digit', () => {
    const rows = ['{"id":12345678901234567890,"share":0.10}']
    const matches = report.matches.map((match) => ({ ...match, sample: rows }))
    const json = reportJson({ ...report, matches, deadLetters: 2, warnings: ['x'] })
    expect(json.match(/\n/g)).toHaveLength(1)
    expect(json).toContain(rows[0])
    expect(JSON.parse(json)).toMatchObject({
      elapsedMs: 83_400,
      matches: [{ name: 'user_match', total: 15_000, ambiguous: 3, ddl: report.matches[0]?.ddl }],
      deadLetters: 2,
      pendingDeletions: { vendor: 0 },
      warnings: ['x'],
    })
  })

  it('leaves what else there is to know to stderr', () => {
    expect(
      reportNotes({
        ...report,
        deadLetters: 1,
        pendingDeletions: { vendor: 2, files: 0 },
        warnings: ['slow'],
      }),
    ).toEqual([
      'user_match: 3 of the matches had a rival that was nearly as good',
      'vendor: 2 records not seen this time, kept until another run confirms it',
      '1 record could not be taken in: see the table syncline.dead_letter',
    ])
    expect(reportNotes({ ...report, matches: [] })).toEqual([])
  })
})
