import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ChangeBatch } from '../../src/changes/change-batch.ts'
import { canonicalText } from '../../src/changes/canonical-text.ts'
import { keyColumns } from '../../src/changes/column.ts'
import { covers } from '../../src/changes/position.ts'
import type { Source } from '../../src/changes/source.ts'
import { StoppingError } from '../../src/runtime/errors.ts'
import { Mirror } from '../support/mirror.ts'

/** A real place of data, small, with a few batches' worth of records, and what a source makes of it. */
export interface SourceFixture {
  /** Another handle on the same data, as a restarted process would make it. The suite closes it. */
  createSource(): Source
  /** The streams' rows as the source must deliver them, in the canonical text of their columns. */
  expected(): Promise<Readonly<Record<string, readonly Readonly<Record<string, string | null>>[]>>>
  /** Changes a record, adds one and removes one. */
  mutate(): Promise<void>
  /** How many complete runs after `mutate` may pass until everything, deletions too, has been delivered. */
  readonly runsUntilSettled: number
  /** Adds a record that cannot be taken in; its raw form must contain the returned text. Null: there can be none. */
  poison(): Promise<{ readonly rawContains: string } | null>
  /** Texts of stored positions as they must stay readable for ever, in the order of their progress. */
  readonly goldenPositions: readonly string[]
  /** Types that `canonicalText` does not know, whose values are checked elsewhere. */
  readonly foreignTypes?: readonly string[]
  close(): Promise<void>
}

/** Long enough for a slow machine; only a source that hangs gets there. */
const hangMs = 10_000

/**
 * What every source promises to the commit, checked against a real one. Register it from a test file, several
 * flavours by `describe.each`.
 */
export function sourceConformance(name: string, makeFixture: () => Promise<SourceFixture>): void {
  describe(`${name} keeps the contract of a source`, () => {
    let fixture: SourceFixture
    let opened: Source[] = []

    beforeEach(async () => {
      fixture = await makeFixture()
    })

    afterEach(async () => {
      await Promise.all(opened.map((source) => source.close()))
      opened = []
      await fixture.close()
    })

    const create = (): Source => {
      const source = fixture.createSource()
      opened.push(source)
      return source
    }

    /** Reads on from where the mirror stands until the source ends, and commits everything. */
    const run = async (mirror: Mirror): Promise<ChangeBatch[]> => {
      const batches: ChangeBatch[] = []
      const { signal } = new AbortController()
      for await (const batch of create().open({ after: mirror.position, ledger: mirror.ledger(), signal })) {
        expect(mirror.apply(batch)).toBe(true)
        batches.push(batch)
      }
      return batches
    }

    const settle = async (mirror: Mirror): Promise<void> => {
      for (let runs = 0; runs < fixture.runsUntilSettled; runs++) await run(mirror)
    }

    const expectMirrored = async (mirror: Mirror): Promise<void> => {
      const byText = (rows: readonly unknown[]): string[] =>
        rows.map((row) => JSON.stringify(sorted(row))).sort()
      const expected = await fixture.expected()
      for (const [stream, rows] of Object.entries(expected)) {
        expect(byText(mirror.rows(stream))).toEqual(byText(rows))
      }
      expect(mirror.streams()).toEqual(Object.keys(expected).sort())
    }

    test('a first run delivers exactly the data of the source', async () => {
      const mirror = new Mirror()
      await run(mirror)
      await expectMirrored(mirror)
      expect(mirror.rejected).toEqual([])
      expect(mirror.streams()).toEqual([...create().streams].sort())
    })

    test('later runs deliver what changed, was added and was removed meanwhile', async () => {
      const mirror = new Mirror()
      await run(mirror)
      await fixture.mutate()
      await settle(mirror)
      await expectMirrored(mirror)
    })

    test('a run over unchanged data changes nothing', async () => {
      const mirror = new Mirror()
      await settle(mirror)
      const before = mirror.content()
      await run(mirror)
      expect(mirror.content()).toEqual(before)
    })

    test('batches chain, and each position lies strictly after the one before', async () => {
      const mirror = new Mirror()
      const batches = [...(await run(mirror)), ...(await run(mirror))]
      expect(batches.slice(1).map((batch) => batch.before)).toEqual(
        batches.slice(0, -1).map((batch) => batch.after),
      )
      expect(batches[0]?.before).toBe(null)
      const { position } = create()
      const positions = batches.map((batch) => position.parse(batch.after))
      positions.forEach((a, i) => {
        positions.forEach((b, j) => {
          expect(position.compare(a, b)).toBe(i === j ? 'equal' : i < j ? 'before' : 'after')
        })
      })
    })

    test('a batch that is delivered again is detected and changes nothing', async () => {
      const mirror = new Mirror()
      const batches = await run(mirror)
      const before = mirror.content()
      const { position } = create()
      const reached = position.parse(mirror.position ?? '')
      for (const batch of batches) {
        expect(mirror.apply(batch)).toBe(false)
        expect(covers(position, reached, position.parse(batch.after))).toBe(true)
      }
      expect(mirror.content()).toEqual(before)
    })

    test('after a crash behind any committed batch a run ends where an uncrashed one does', async () => {
      const start = new Mirror()
      await run(start)
      await fixture.mutate()
      for (const first of [new Mirror(), start]) {
        const uncrashed = Mirror.copyOf(first)
        const batches = await run(uncrashed)
        await settle(uncrashed)
        for (let committed = 0; committed < batches.length; committed++) {
          const crashed = Mirror.copyOf(first)
          for (const batch of batches.slice(0, committed)) crashed.apply(batch)
          await settle(crashed)
          await run(crashed)
          expect(crashed.content(), `after ${committed} batches`).toEqual(uncrashed.content())
        }
      }
    })

    test('what changes between a crash and the next run is delivered', async () => {
      const whole = new Mirror()
      const batches = await run(whole)
      const crashed = new Mirror()
      for (const batch of batches.slice(0, Math.ceil(batches.length / 2))) crashed.apply(batch)
      await fixture.mutate()
      await settle(crashed)
      await expectMirrored(crashed)
    })

    test('a consumer that leaves in the middle leaves nothing hanging', async () => {
      const mirror = new Mirror()
      const source = create()
      const { signal } = new AbortController()
      for await (const batch of source.open({ after: null, ledger: mirror.ledger(), signal })) {
        mirror.apply(batch)
        break
      }
      await inTime(source.close())
      await run(mirror)
      await expectMirrored(mirror)
    })

    test('an abort in the middle ends the iteration and leaves nothing hanging', async () => {
      const mirror = new Mirror()
      const source = create()
      const stop = new AbortController()
      const read = async (): Promise<number> => {
        let count = 0
        for await (const batch of source.open({
          after: null,
          ledger: mirror.ledger(),
          signal: stop.signal,
        })) {
          mirror.apply(batch)
          count++
          stop.abort()
        }
        return count
      }
      const outcome = await inTime(read().catch((error: unknown) => error))
      expect(outcome instanceof StoppingError || outcome === 1, String(outcome)).toBe(true)
      await inTime(source.close())
      await run(mirror)
      await expectMirrored(mirror)
    })

    test('a signal that is aborted already delivers nothing', async () => {
      const signal = AbortSignal.abort()
      const read = async (): Promise<ChangeBatch[]> => {
        const batches: ChangeBatch[] = []
        for await (const batch of create().open({ after: null, ledger: new Mirror().ledger(), signal })) {
          batches.push(batch)
        }
        return batches
      }
      const outcome = await inTime(read().catch((error: unknown) => error))
      if (!(outcome instanceof StoppingError)) expect(outcome).toEqual([])
    })

    test('closing twice, and before opening, is harmless', async () => {
      const source = create()
      await source.close()
      await source.close()
    })

    test('a record that cannot be taken in is rejected with its raw form and the rest is kept', async () => {
      const poison = await fixture.poison()
      if (poison === null) return
      const mirror = new Mirror()
      await run(mirror)
      expect(mirror.rejected).toHaveLength(1)
      const [rejected] = mirror.rejected
      expect(rejected?.raw).toContain(poison.rawContains)
      expect(rejected?.code).toMatch(/^[a-z]+(-[a-z0-9]+)*$/)
      expect(rejected?.reason).not.toBe('')
      await expectMirrored(mirror)
    })

    test('positions written by earlier versions stay readable', () => {
      const { position } = create()
      const parsed = fixture.goldenPositions.map((text) => position.parse(text))
      expect(parsed.map((one) => one.serialize())).toEqual(fixture.goldenPositions)
      for (const [index, later] of parsed.entries()) {
        for (const earlier of parsed.slice(0, index)) {
          expect(position.compare(earlier, later)).toBe('before')
          expect(position.compare(later, earlier)).toBe('after')
        }
      }
      for (const text of ['', '{}', 'null', 'no position']) {
        expect(() => position.parse(text)).toThrow(expect.objectContaining({ code: 'position-unreadable' }))
      }
    })

    test('the first change of every stream is its schema, and rows have all its columns in canonical text', async () => {
      const mirror = new Mirror()
      const batches = await run(mirror)
      const changes = batches.flatMap((batch) => batch.changes)
      for (const stream of mirror.streams()) {
        expect(changes.find((change) => change.stream === stream)?.kind).toBe('schema')
        const columns = mirror.columns(stream)
        expect(keyColumns(columns).length).toBeGreaterThan(0)
        for (const row of mirror.rows(stream)) {
          expect(Object.keys(row).sort()).toEqual(columns.map((column) => column.name).sort())
          for (const { name: column, type, nullable } of columns) {
            const value = row[column] ?? null
            if (value === null) expect(nullable, column).toBe(true)
            else if (fixture.foreignTypes?.includes(type) !== true)
              expect(canonicalText(type)(value)).toBe(value)
          }
        }
      }
    })

    test('nothing is wrong with a source that works', async () => {
      const defects = await create().preflight(new AbortController().signal)
      expect(defects.filter((defect) => defect.severity === 'fatal')).toEqual([])
    })
  })
}

function sorted(row: unknown): unknown {
  return Object.fromEntries(Object.entries(row as object).sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** Fails instead of hanging the suite. */
async function inTime<T>(work: Promise<T>): Promise<T> {
  const timer = new AbortController()
  const late = delay(hangMs, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`still not done after ${hangMs} ms`)
  })
  late.catch(() => undefined)
  try {
    return await Promise.race([work, late])
  } finally {
    timer.abort()
  }
}
