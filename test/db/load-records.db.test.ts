import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { rescore, type ModelVersion } from '../../src/match/incremental.ts'
import {
  prepareRecords,
  recallRecords,
  writeDecided,
  writeRecords,
  type LoadedRecord,
} from '../../src/match/load.ts'
import { summandsOf } from '../../src/match/model.ts'
import { comparePairs } from '../../src/match/order.ts'
import { BinaryRows } from '../../src/state/binary-rows.ts'
import { KeyTable, type Side } from '../../src/state/key-table.ts'
import { copyRecords, otherSide, recordRow, type StoredPair } from '../../src/state/matches.ts'
import { createModel } from '../../src/state/models.ts'
import { migrate } from '../../src/state/migrate.ts'
import type { Session } from '../../src/state/session.ts'
import { storedPairs } from '../support/match-content.ts'
import { peopleModel as model } from '../support/people-match.ts'
import { databasePerTest } from '../support/postgres.ts'
import { tries } from '../support/property.ts'

const name = fc.constantFrom('ann', 'anne', 'lee', 'li', 'bob', null)
const values = fc.tuple(name, name, fc.constantFrom('bern', 'rome', null))

/**
 * What happens to a batch: it is committed; or rolled back and committed the second time; or committed by a process that
 * has just begun, which knows nothing of what was in memory; or committed before a record of it is changed.
 */
const fate = fc.constantFrom('committed', 'rolled back', 'restarted', 'changed')
const step = fc.record({
  side: fc.constantFrom<Side>('l', 'r'),
  records: fc.array(values, { minLength: 1, maxLength: 12 }),
  fate,
})
const never = 0
const always = 2 ** 30

describe('records that are loaded', () => {
  const database = databasePerTest()

  async function begin(residentBytes: number): Promise<ModelVersion> {
    const { admin } = database
    await migrate(admin)
    const number = await createModel(admin, {
      match: 'm',
      fingerprint: String(Math.random()),
      origin: '',
      wanted: true,
      definition: {},
    })
    return reopened(admin, number, residentBytes)
  }

  async function reopened(session: Session, number: number, residentBytes: number): Promise<ModelVersion> {
    const open = (side: Side): Promise<KeyTable> =>
      KeyTable.open(session, { model: number, side, compared: model.compared, residentBytes })
    return { model: number, plan: { name: 'm', model }, keys: { l: await open('l'), r: await open('r') } }
  }

  async function load(version: ModelVersion, side: Side, records: readonly LoadedRecord[]): Promise<void> {
    const { admin } = database
    await recallRecords(admin, version, otherSide(side))
    const loaded = { side, decided: [], records }
    for await (const part of prepareRecords(version, loaded)) await writeRecords(admin, version, part)
    await writeDecided(admin, version, loaded)
  }

  const committed = async (version: ModelVersion): Promise<void> => {
    for (const side of ['l', 'r'] as const) await version.keys[side].indexIfDue(database.admin)
  }

  function expectedPairs(all: ReadonlyMap<string, LoadedRecord>): StoredPair[] {
    const sideOf = (side: Side): LoadedRecord[] =>
      [...all].filter(([place]) => place.startsWith(side)).map(([, record]) => record)
    const pairs: StoredPair[] = []
    for (const left of sideOf('l')) {
      for (const right of sideOf('r')) {
        const [a, b] = [model.prepare(left.values), model.prepare(right.values)]
        const keys = new Set(model.keys(a))
        const score = model.score(a, b)
        if (score < model.floor || !model.keys(b).some((key) => keys.has(key))) continue
        pairs.push({ left: left.id, right: right.id, score, summands: summandsOf(model, a, b) })
      }
    }
    return pairs.sort(comparePairs)
  }

  it.each([
    ['all in memory', always],
    ['none in memory', never],
  ])('have the pairs that brute force finds, whatever order they come in: %s', async (_, residentBytes) => {
    const { admin } = database
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (steps) => {
        let version = await begin(residentBytes)
        const all = new Map<string, LoadedRecord>()
        for (const [n, { side, records, fate }] of steps.entries()) {
          const batch = records.map((values, i): LoadedRecord => ({ id: `${n}-${i}`, values }))
          if (fate === 'restarted') version = await reopened(admin, version.model, residentBytes)
          if (fate === 'rolled back') {
            const failing = admin.transaction(async () => {
              await load(version, side, batch)
              throw new Error('power cut')
            })
            await expect(failing).rejects.toThrow('power cut')
            for (const table of Object.values(version.keys)) table.rolledBack()
          }
          await admin.transaction(() => load(version, side, batch))
          await committed(version)
          for (const record of batch) all.set(`${side} ${record.id}`, record)
          const [first] = batch
          if (fate !== 'changed' || !first) continue
          const after = ['ann', 'lee', 'rome']
          await admin.transaction(async () => {
            await admin.query(
              `delete from syncline.match_record_${version.model} where side = $1 and id = $2`,
              [side, first.id],
            )
            const rows = new BinaryRows()
            recordRow(rows, { model: version.model, side }, { id: first.id, values: after })
            await copyRecords(admin, version.model, rows)
            await rescore(admin, { ...version, isLive: false }, side, [
              { id: first.id, before: first.values, after },
            ])
          })
          await committed(version)
          all.set(`${side} ${first.id}`, { id: first.id, values: after })
        }
        expect(await storedPairs(admin, version.model)).toEqual(expectedPairs(all))
        const keys = await Promise.all(
          (['l', 'r'] as const).map((side) =>
            admin.query(
              `select side::text || ' ' || id, array_to_json(array_agg(key order by key))
                 from syncline.match_key_${version.model}_${side} group by side, id`,
            ),
          ),
        )
        expect(new Map(keys.flat().map(([id, list]) => [id, JSON.parse(list ?? '') as number[]]))).toEqual(
          new Map(
            [...all].flatMap(([place, { values }]) => {
              const expected = model.keys(model.prepare(values)).sort((a, b) => a - b)
              return expected.length === 0 ? [] : [[place, expected]]
            }),
          ),
        )
      }),
      tries(25),
    )
  })

  it('are given up in memory when they outgrow their bound, and found all the same', async () => {
    const { admin } = database
    const version = await begin(5 * 1024 * 1024)
    const person = (id: string, last: string): LoadedRecord => ({ id, values: [null, last, null] })
    const many = Array.from({ length: 30_000 }, (_, i) => person(`${i}`, `name${i}`))
    await admin.transaction(() => load(version, 'l', many.slice(0, 10)))
    expect(version.keys.l.resident?.count).toBe(10)
    await admin.transaction(() => load(version, 'l', many.slice(10)))
    expect(version.keys.l.resident).toBeNull()
    await admin.transaction(() => load(version, 'r', [person('a', 'name7'), person('b', 'name29999')]))
    const pairs = await storedPairs(admin, version.model)
    expect(pairs.map(({ left, right }) => `${left}-${right}`).sort()).toEqual(['29999-b', '7-a'])
  })

  describe('while nobody asks for them', () => {
    const record = (n: number): LoadedRecord => ({ id: `${n}`, values: [null, `name${n}`, null] })

    async function loadMany(version: ModelVersion, side: Side, count: number): Promise<void> {
      for (let from = 0; from < count; from += 20_000) {
        const piece = Array.from({ length: 20_000 }, (_, i) => record(from + i))
        await database.admin.transaction(() => load(version, side, piece))
      }
    }

    it('are kept in memory as long as the other side has none itself, and found by its first', async () => {
      const version = await begin(always)
      await loadMany(version, 'l', 180_000)
      await database.admin.transaction(() => load(version, 'r', [{ ...record(77_777), id: 'a' }]))
      expect(version.keys.l.resident?.count).toBe(180_000)
      const pairs = await storedPairs(database.admin, version.model)
      expect(pairs.map(({ left, right }) => `${left}-${right}`)).toEqual(['77777-a'])
    })

    it.each([
      ['in this process', false],
      ['in a process before it', true],
    ])('are given up when the other side has all of its own, it seems, loaded %s', async (_, isRestarted) => {
      let version = await begin(always)
      await database.admin.transaction(() => load(version, 'r', [record(0)]))
      if (isRestarted) version = await reopened(database.admin, version.model, always)
      await loadMany(version, 'l', 180_000)
      expect(version.keys.l.resident).toBeNull()
    })
  })
})
