import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Session } from '../../src/state/session.ts'
import { drainQueue } from '../../src/warehouse/rematch.ts'
import { publishWhole, rebuildMatch } from '../../src/warehouse/versions.ts'
import type { CliRun } from '../support/cli.ts'
import { openCommandMatch, type CommandMatch } from '../support/command-match.ts'
import { until } from '../support/until.ts'

describe('the commands about a match', () => {
  let match: CommandMatch
  const syncline = (...words: string[]): Promise<CliRun> => match.syncline(...words)
  const query = (text: string): Promise<(string | null)[][]> => match.query(text)

  beforeAll(async () => {
    match = await openCommandMatch()
  })
  afterAll(() => match.close())

  it('explain tells the verdict, the waterfall, the shared keys, and why the others lost', async () => {
    const { code, stdout } = await syncline('explain', '2', '1')
    expect(code).toBe(0)
    expect(stdout).toBe(`Left 2 and right 1 are not matched: right 1 has a better pair, left 1.

match people, model 1 · threshold 2.000 · review from -2.000 bits
source script as of 1

field                  left 2   right 1      level     bits  of it rarity     sum
before any evidence                          prior   -6.644                -6.644
name                 zukowski  zukowski      exact  +17.348        +7.008  10.704
town                    leeds      york  different   -4.307                 6.397
total                                                 6.397

They share the blocking keys: name

Pairs of left 2, best first:
  1  6.397  matched with 1 at 17.259

Pairs of right 1, best first:
  1  17.259  its match
  2  6.397  free, but the match is better
`)
    expect((await syncline('explain', '3')).stdout).toContain(
      'Left 3 and right 3 are not matched: -0.296 bits, and the threshold is 2.000.\n',
    )
    expect((await syncline('explain', '3')).stdout).toContain('  3  -0.296  free, below the threshold\n')
    const unknown = (await syncline('explain', '9')).stdout
    expect(unknown).toContain('The match has no left record 9: ids are the keys of its left stream.\n')
    expect(unknown).not.toContain('Pairs of')
  })

  it('status tells the figures for alerts, as text and as JSON', async () => {
    await query(
      `insert into syncline.match_queue (model, side, id, queued_at, cause)
       values (1, 'l', '1', clock_timestamp() - interval '90 seconds', 0)`,
    )
    await query(
      `insert into syncline.match_figure (model, longest_path) values (1, 7)
       on conflict (model) do update set longest_path = 7`,
    )
    await query('analyze syncline.match_key_1_l, syncline.match_key_1_r')
    const line =
      /^match +people, model 1 published: 1 matched · longest path 7 · largest block 2 · 1 records wait · for 1 min 3\d s$/m
    expect((await syncline('status')).stdout).toMatch(line)
    const { matches } = JSON.parse((await syncline('status', '--json')).stdout) as { matches: object[] }
    expect(matches).toMatchObject([
      {
        match: 'people',
        state: 'published',
        matched: 1,
        longestPath: 7,
        largestBlock: 2,
        queued: 1,
        fannedOut: 0,
      },
    ])
    await query('delete from syncline.match_queue')
  })

  it('match diff tells which matches another threshold would leave, and refuses one below the floor', async () => {
    expect((await syncline('match', 'diff', '--threshold', '18')).stdout).toBe(
      `people: model 1 at 18.000 bits against what is published, model 1
1 matches now, 0 then: 0 more, 1 no more, 0 with another, 0 the same

  1: 1 at 17.259 -> nobody
`,
    )
    expect((await syncline('match', 'diff', '--threshold', '-1', '--json')).stdout).toContain(
      '"same":1,"matched":1,"unmatched":0,"rematched":0,"sample":[{"left":"3","before":null,"after":{"right":"3","score":-296}}]',
    )
    expect(await syncline('match', 'diff', '--threshold', '-2.5')).toMatchObject({
      code: 64,
      stderr: expect.stringContaining('model 1 of the match people keeps no pairs below -2 bits') as string,
    })
    expect(await syncline('match', 'diff', '--model', '9')).toMatchObject({
      code: 64,
      stderr: expect.stringContaining('the match people has no model 9') as string,
    })
  })

  it('match calibrate builds a model beside the published one, and match use publishes it', async () => {
    expect(await syncline('match', 'calibrate')).toMatchObject({
      code: 78,
      stderr: expect.stringContaining('a side of the match has fewer than 100 records') as string,
    })
    const file = join(match.folder, 'weights.json')
    const levels = { town: { exact: { m: 0.5, u: 0.25 } } }
    writeFileSync(file, JSON.stringify({ levels, frequencies: {} }))
    const dry = await syncline('match', 'calibrate', '--from', file, '--dry-run')
    expect(dry).toMatchObject({ code: 0, stdout: '' })
    expect(await query('select model, state from syncline.model')).toEqual([['1', 'published']])
    const built = await syncline('match', 'calibrate', '--from', file, '--json')
    expect(built).toMatchObject({ code: 0 })
    const unchanged = { published: 1, model: 2, matched: 0, unmatched: 0, rematched: 0 }
    expect(JSON.parse(built.stdout)).toMatchObject({ built: 2, diff: unchanged })
    // Asked again it is the same model. Nobody should publish one without knowing what that changes.
    const told = (await syncline('match', 'calibrate', '--from', file)).stdout
    expect(told).toMatch(
      /^model 2 is built with it, and not published\npeople: model 2 at .*\n.* matches now/,
    )
    expect(told).toContain('0 no more')
    const [, beside] = /^match .*\n(match .*)$/m.exec((await syncline('status')).stdout) ?? []
    expect(beside).toMatch(/^match +people, model 2 ready, not published(:|$)/)
    const { matches } = JSON.parse((await syncline('status', '--json')).stdout) as { matches: object[] }
    expect(matches).toMatchObject([
      { model: 1, state: 'published', wanted: true },
      { model: 2, state: 'building', wanted: false, queued: 0, fannedOut: 0 },
    ])
    expect(await query('select model, state, wanted from syncline.model order by 1')).toEqual([
      ['1', 'published', 't'],
      ['2', 'building', 'f'],
    ])
    expect((await syncline('match', 'diff', '--model', '2')).stdout).toMatch(/^people: model 2 at 2.000 bits/)
    expect(await syncline('match', 'use', '2')).toMatchObject({ code: 0, stdout: 'model 2 is published\n' })
    expect(await query('select model, state from syncline.model')).toEqual([['2', 'published']])
    expect(await query('select distinct model from warehouse.people')).toEqual([['2']])
    expect((await syncline('match', 'calibrate', '--from', file)).stdout).toBe(
      'model 2 has these weights already, and is published\n',
    )
    expect(await syncline('match', 'use', '1')).toMatchObject({
      code: 64,
      stderr: expect.stringContaining('has no model 1') as string,
    })
    writeFileSync(file, '{"levels": {}}')
    expect(await syncline('match', 'calibrate', '--from', file)).toMatchObject({
      code: 64,
      stderr: expect.stringContaining('weights.json is no calibration: frequencies') as string,
    })
  })

  it('verify --repair builds a match that differs from its batch anew, and only such a one', async () => {
    const [[model] = []] = await query('select model from syncline.model')
    expect((await syncline('verify', 'people', '--repair')).code).toBe(0)
    expect(await query('select model from syncline.model')).toEqual([[model]])
    await query(`delete from syncline.match_pair where side = 'l'`)
    await query(`delete from syncline.match_key where id = '3'`)
    expect((await syncline('verify', 'people')).code).toBe(1)
    const repaired = await syncline('verify', 'people', '--repair')
    expect(repaired.code).toBe(0)
    expect(repaired.stdout).toMatch(
      /pairs: \d compared, \d missing.*\n(.*\n)*people, model \d, .*\nrecords: 5 compared, all equal\nkeys: 5 compared, all equal\n/,
    )
    expect((await syncline('verify', 'people')).code).toBe(0)
    expect(await query('select distinct model from warehouse.people')).toEqual([[String(Number(model) + 1)]])
  })

  it('verify begins again when the version that it reads is replaced and dropped', async () => {
    const [[model] = []] = await query('select model from syncline.model')
    const other = await Session.connect({ url: match.url, applicationName: 'test' })
    try {
      const verified = await other.transaction(async () => {
        await other.query(`lock table syncline.match_record_${model} in access exclusive mode`)
        const verifying = syncline('verify', 'people', '--json')
        await until('verify waits for the version', async () => {
          const [waiting] = await query(
            `select from pg_stat_activity where application_name = 'syncline verify' and wait_event_type = 'Lock'`,
          )
          return waiting ?? null
        })
        const warehouse = await match.open()
        const { session, state } = warehouse
        await rebuildMatch(session, state, 'people')
        await drainQueue(session, state, new AbortController().signal)
        await publishWhole(session, state)
        await warehouse.close()
        await other.query(`drop table syncline.match_record_${model}`)
        return { verifying }
      })
      const { code, stdout } = await verified.verifying
      expect(JSON.parse(stdout)).toMatchObject({
        model: Number(model) + 1,
        records: { compared: 5, missing: 0 },
      })
      expect(code).toBe(0)
    } finally {
      await other.close()
    }
  })

  it('commands that need no source ask none, also where nobody leads', async () => {
    for (const words of [
      ['review', 'accept', '3', '3'],
      ['review', 'list'],
      ['review', 'undo', '3', '3'],
      ['pause', 'db'],
      ['resume', 'db'],
    ])
      expect((await syncline(...words)).code).toBe(0)
    // Nor did the commands of all tests above.
    expect(match.connections()).toBe(0)
  })
})
