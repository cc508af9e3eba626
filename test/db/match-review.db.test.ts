import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { CliRun } from '../support/cli.ts'
import { openCommandMatch, type CommandMatch } from '../support/command-match.ts'

describe('a reviewer’s word on the command line', () => {
  let match: CommandMatch
  const syncline = (...words: string[]): Promise<CliRun> => match.syncline(...words)
  const query = (text: string): Promise<(string | null)[][]> => match.query(text)

  beforeAll(async () => {
    match = await openCommandMatch()
  })
  afterAll(() => match.close())

  it('review list tells what is doubtful, the most telling first', async () => {
    expect((await syncline('review', 'list', '--limit', '2')).stdout).toBe(
      `3 3   below the threshold · -0.296 bits · chance 0.45 · value 0.99
  left   Smith     -
  right  Smith  York

1 1   matched · 17.259 bits · chance 1.00 · value 0.01
  left   Zukowski  York
  right  Żukowski  york

`,
    )
  })

  it('review accept, reject and undo keep who said it, when and why, and travel to another warehouse', async () => {
    const said = await syncline('review', 'accept', '3', '3', '--reason', 'seen the file', '--by', 'ann')
    expect(said).toMatchObject({ code: 0, stdout: 'done: the match follows\n' })
    expect((await syncline('review', 'accept', '3', '3', '--by', 'bob')).stdout).toBe(
      'nothing changed: that was said already of 3 and 3\n',
    )
    expect((await syncline('review', 'reject', '7', '8', '--by', 'bob')).stdout).toBe(
      'noted: it counts as soon as both records are there\n',
    )
    const exported = (await syncline('review', 'export')).stdout
    const decisions = exported
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, string>)
    expect(decisions).toMatchObject([
      { left: '3', right: '3', verdict: 'must', by: 'ann', reason: 'seen the file' },
      { left: '7', right: '8', verdict: 'cannot', by: 'bob', reason: null },
    ])
    for (const { at } of decisions) expect(Date.parse(at ?? '')).not.toBeNaN()
    expect((await syncline('explain', '3')).stdout).toContain('Left 3 and right 3 are matched.\n')
    expect((await syncline('explain', '3')).stdout).toContain('a reviewer said: must\n')
    for (const [left, right] of [
      ['3', '3'],
      ['7', '8'],
    ]) {
      await syncline('review', 'undo', left ?? '', right ?? '', '--by', 'carl')
    }
    expect((await syncline('review', 'undo', '3', '3')).stdout).toBe(
      'nothing changed: nothing was said of 3 and 3\n',
    )
    expect((await syncline('review', 'export')).stdout).toBe('')
    expect(
      await query(`select left_id, decided_by, reason, undone_by from syncline.match_decision order by 1`),
    ).toEqual([
      ['3', 'ann', 'seen the file', 'carl'],
      ['7', 'bob', null, 'carl'],
    ])
    const file = join(match.folder, 'decisions.jsonl')
    writeFileSync(file, exported)
    expect((await syncline('review', 'import', file)).stdout).toBe('2 decisions read, 2 were new\n')
    // Taken back here, and said anew by the import: that is another decision, of now.
    const again = (await syncline('review', 'export')).stdout
    expect(again.replaceAll(/"at":"[^"]*"/g, '')).toBe(exported.replaceAll(/"at":"[^"]*"/g, ''))
    for (const pair of [
      ['3', '3'],
      ['7', '8'],
    ])
      await syncline('review', 'undo', ...pair)
    expect((await syncline('review', 'import', file, '--by', 'dora')).code).toBe(0)
    const taken = (await syncline('review', 'export')).stdout
    expect(taken.match(/"by":"[^"]*"/g)).toEqual(['"by":"dora"', '"by":"dora"'])
    const earlier = taken.replaceAll(/"at":"[^"]*"/g, '"at":"2020-02-29 23:59:59.123456+00"')
    for (const pair of [
      ['3', '3'],
      ['7', '8'],
    ])
      await syncline('review', 'undo', ...pair)
    writeFileSync(file, earlier)
    expect((await syncline('review', 'import', file)).stdout).toBe('2 decisions read, 2 were new\n')
    expect((await syncline('review', 'export')).stdout).toBe(earlier)
    expect(await syncline('review', 'undo', '3', '3', '--reason', 'a mistake')).toMatchObject({ code: 64 })
    for (const at of ['now', '2021-02-29 00:00:00+00', '2021-02-28 00:00:00', '2021-02-28 00:00:00+17']) {
      writeFileSync(file, `${JSON.stringify({ left: '1', right: '1', verdict: 'must', at })}\n`)
      expect(await syncline('review', 'import', file)).toMatchObject({
        code: 64,
        stderr: expect.stringContaining('decisions.jsonl:1 is no decision: at is no time') as string,
      })
    }
    writeFileSync(file, '{"left": "1"}\n')
    expect(await syncline('review', 'import', file)).toMatchObject({
      code: 64,
      stderr: expect.stringContaining('decisions.jsonl:1 is no decision') as string,
    })
    writeFileSync(file, '{"left": "1\\u0000", "right": "1", "verdict": "must"}\n')
    expect(await syncline('review', 'import', file)).toMatchObject({
      code: 64,
      stderr: expect.stringContaining('decisions.jsonl:1 is no decision: left cannot be stored') as string,
    })
    expect(await syncline('review', 'import', join(match.folder, 'none.jsonl'))).toMatchObject({
      code: 64,
      stderr: expect.stringContaining('none.jsonl cannot be read') as string,
    })
    for (const pair of [
      ['3', '3'],
      ['7', '8'],
    ])
      await syncline('review', 'undo', ...pair)
  })

  it('an accept that contradicts another one is noted, and told with which of the two is matched', async () => {
    expect((await syncline('review', 'accept', '1', '3')).stdout).toBe('done: the match follows\n')
    const contradiction = `the accept of 3 and 3 contradicts that of 1 and 3: a record has one match
matched now: 1 and 3; \`syncline review undo\` takes back the one that is wrong
`
    expect(await syncline('review', 'accept', '3', '3')).toMatchObject({
      code: 0,
      stdout: `noted\n${contradiction}`,
    })
    expect((await syncline('review', 'accept', '3', '3')).stdout).toBe(
      `nothing changed: that was said already of 3 and 3\n${contradiction}`,
    )
    expect(JSON.parse((await syncline('review', 'accept', '1', '1', '--json')).stdout)).toEqual({
      ...{ changed: true, present: true, matched: true },
      contradicts: [{ left: '1', right: '3', matched: false }],
    })
    const file = join(match.folder, 'contradicting.jsonl')
    writeFileSync(file, '{"left": "3", "right": "3", "verdict": "must"}\n')
    expect((await syncline('review', 'import', file)).stdout).toBe(
      `1 decisions read, 0 were new
the accept of 3 and 3 contradicts that of 1 and 3: a record has one match
matched now: 3 and 3; \`syncline review undo\` takes back the one that is wrong
`,
    )
    const explained = (await syncline('explain', '1', '3')).stdout
    expect(explained).toContain('  1  accepted by a reviewer  its match\n')
    expect(explained).toContain('  3  accepted by a reviewer  matched with 3, accepted by a reviewer\n')
    expect(explained).not.toContain('2147483')
    // A reject contradicts nothing: it takes the place of the accept.
    expect((await syncline('review', 'reject', '1', '3')).stdout).toBe('done: the match follows\n')
    expect(JSON.parse((await syncline('review', 'accept', '3', '3', '--json')).stdout)).toMatchObject({
      ...{ matched: true, contradicts: [] },
    })
    for (const [left, right] of [
      ['1', '1'],
      ['1', '3'],
      ['3', '3'],
    ])
      await syncline('review', 'undo', left ?? '', right ?? '')
  })
})
