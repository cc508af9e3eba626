import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Change } from '../../src/changes/change.ts'
import type { ChangeBatch, Rejected } from '../../src/changes/change-batch.ts'
import type { Column } from '../../src/changes/column.ts'
import { Session } from '../../src/state/session.ts'
import { readPosition } from '../../src/state/positions.ts'
import { commitBatch } from '../../src/warehouse/commit.ts'
import { drainQueue } from '../../src/warehouse/rematch.ts'
import type { MatchPlan } from '../../src/warehouse/match-plan.ts'
import { publish } from '../../src/warehouse/publish.ts'
import { analyze } from '../../src/warehouse/statistics.ts'
import { applyViews } from '../../src/warehouse/views.ts'
import { peoplePlan, peopleStreams } from '../support/people-match.ts'
import { testDatabase, type TestDatabase } from '../support/postgres.ts'
import { scriptedSource } from '../support/scripted-source.ts'
import { openTestWarehouse, type TestWarehouse } from '../support/warehouse.ts'

const upsert = (stream: string, row: Record<string, string | null>): Change => ({
  kind: 'upsert',
  stream,
  key: [row['id'] ?? ''],
  row,
})
const schemas = [
  ...Object.entries(peopleStreams).map(([stream, columns]): Change => ({ kind: 'schema', stream, columns })),
  upsert('practice', { id: '1', town: 'york' }),
]
const person = (id: string, first: string, last: string): Change =>
  upsert('person', { id, first, last, practice_id: '1' })
const user = (id: string, first: string, last: string): Change =>
  upsert('user', { id, first, last, town: 'york' })

/** One life of the daemon over the database: the changes as one batch, and the rest of a run if it is not cut short. */
async function life(
  url: string,
  plans: readonly MatchPlan[],
  changes: readonly Change[],
  {
    killed = false,
    rejected = [],
    during,
  }: { killed?: boolean; rejected?: readonly Rejected[]; during?: (w: TestWarehouse) => Promise<void> } = {},
): Promise<void> {
  const warehouse = await openTestWarehouse(url, plans)
  const { session, state } = warehouse
  try {
    const source = scriptedSource('s', Object.keys(peopleStreams), [])
    const before = await readPosition(session, 's')
    const batch: ChangeBatch = {
      before,
      after: String(Number(before ?? 0) + 1),
      changes,
      rejected,
      ledger: [],
      committedAt: null,
    }
    expect(await commitBatch(session, source, batch, state)).toBe(true)
    await during?.(warehouse)
    if (killed) return
    await drainQueue(session, state, new AbortController().signal)
    for (const match of state.matches) await publish(session, match, state)
  } finally {
    await warehouse.close()
  }
}

describe('changes of shape, configuration and warehouse', () => {
  let database: TestDatabase
  let admin: Session
  beforeEach(async () => {
    database = await testDatabase()
    admin = await Session.connect({ url: database.url, applicationName: 'admin' })
  })
  afterEach(async () => {
    await admin.close()
    await database.drop()
  })
  const matched = async (): Promise<string[]> =>
    (await admin.query("select person_id || '-' || user_id from warehouse.person_match order by 1")).map(
      ([text]) => text ?? '',
    )

  const otherPlan: MatchPlan = {
    ...peoplePlan,
    right: {
      ...peoplePlan.right,
      fields: new Map([...peoplePlan.right.fields].filter(([f]) => f !== 'location')),
    },
  }

  it('a configuration that is changed, cut short and changed back loses no change', async () => {
    await life(database.url, [peoplePlan], [...schemas, person('1', 'ann', 'lee'), user('1', 'ann', 'lee')])
    expect(await matched()).toEqual(['1-1'])
    await life(
      database.url,
      [otherPlan],
      [person('2', 'bob', 'day'), user('2', 'bob', 'day'), { kind: 'delete', stream: 'person', key: ['1'] }],
      { killed: true },
    )
    await life(database.url, [peoplePlan], [person('2', 'bob', 'day'), user('2', 'bob', 'day')])
    expect(await matched()).toEqual(['2-2'])
  })

  it('a match that is taken out of the configuration and put back loses no change', async () => {
    await life(database.url, [peoplePlan], [...schemas, person('1', 'ann', 'lee'), user('1', 'ann', 'lee')])
    await life(
      database.url,
      [],
      [person('2', 'bob', 'day'), user('2', 'bob', 'day'), { kind: 'delete', stream: 'person', key: ['1'] }],
    )
    await life(database.url, [peoplePlan], [])
    expect(await matched()).toEqual(['2-2'])
  })

  it('a record that Postgres refuses again keeps its dead letter', async () => {
    for (let i = 0; i < 3; i++) {
      await life(
        database.url,
        [],
        [...schemas, upsert('person', { id: '1', first: 'x', last: 'y', practice_id: 'not a number' })],
      )
    }
    const letters = await admin.query('select id, times, closed_by from syncline.dead_letter')
    expect(letters).toEqual([['1', '3', null]])
  })

  const retyped = (type: string): Column[] =>
    (peopleStreams['user'] ?? []).map((column) => (column.name === 'town' ? { ...column, type } : column))
  const townUser = (town: string): Change => upsert('user', { id: '1', first: 'ann', last: 'lee', town })
  const resync = (columns: Column[], row: Change): Change[] => [
    { kind: 'schema', stream: 'user', columns },
    { kind: 'resync-begin', stream: 'user' },
    row,
    { kind: 'resync-end', stream: 'user' },
  ]

  it('a retyped column is matched as a fresh warehouse would match it', async () => {
    await life(
      database.url,
      [peoplePlan],
      [...schemas, ...resync(retyped('numeric(10,2)'), townUser('1.50'))],
    )
    await life(database.url, [peoplePlan], resync(retyped('numeric(10,3)'), townUser('1.500')))
    expect(await admin.query(`select fields from syncline.match_record where side = 'r'`)).toEqual([
      ['{ann,lee,1.500}'],
    ])
  })

  it('a column whose old values do not fit its new type does not stop the stream for ever', async () => {
    await life(database.url, [], [...schemas, ...resync(retyped('text'), townUser('york'))])
    await life(database.url, [], resync(retyped('integer'), townUser('7')))
    expect(await admin.query(`select town from warehouse."user"`)).toEqual([['7']])
  })

  it('a column that comes back with another type takes its rows in', async () => {
    const without = (peopleStreams['user'] ?? []).filter(({ name }) => name !== 'town')
    await life(database.url, [], [...schemas, ...resync(retyped('integer'), townUser('7'))])
    await life(database.url, [], resync(without, upsert('user', { id: '1', first: 'ann', last: 'lee' })))
    await life(database.url, [], resync(retyped('text'), townUser('york')))
    expect(await admin.query(`select town from warehouse."user"`)).toEqual([['york']])
  })

  it('the cure for a changed key leaves no ghosts in the match', async () => {
    await life(database.url, [peoplePlan], [...schemas, person('1', 'ann', 'lee'), user('1', 'ann', 'lee')])
    const keyed = (peopleStreams['user'] ?? []).map((column): Column =>
      column.name === 'id'
        ? { ...column, keyPosition: null, nullable: true }
        : column.name === 'town'
          ? { ...column, keyPosition: 1, nullable: false }
          : column,
    )
    const changes: Change[] = [
      { kind: 'schema', stream: 'user', columns: keyed },
      { kind: 'resync-begin', stream: 'user' },
      {
        kind: 'upsert',
        stream: 'user',
        key: ['u-1'],
        row: { id: '1', first: 'ann', last: 'lee', town: 'u-1' },
      },
      { kind: 'resync-end', stream: 'user' },
    ]
    await expect(life(database.url, [peoplePlan], changes)).rejects.toMatchObject({ code: 'key-changed' })
    await admin.query('drop table warehouse."user" cascade')

    await life(database.url, [peoplePlan], changes)
    expect(await admin.query(`select id from syncline.match_record where side = 'r'`)).toEqual([['u-1']])
  })

  it('the mirror of a stream that is not configured any more may be dropped', async () => {
    await life(database.url, [], schemas)
    await admin.query('drop table warehouse.practice')
    await life(database.url, [], [], { during: ({ session, state }) => analyze(session, state) })
  })

  it('a view of others on a view of ours is told as what it is', async () => {
    const views = [{ file: 'a.sql', sql: 'create or replace view v as select 1 as a', views: ['v'] }]
    const changed = [{ file: 'a.sql', sql: 'create or replace view v as select 1 as b', views: ['v'] }]
    await life(database.url, [], schemas, {
      during: async ({ session }) => {
        await session.transaction(() => applyViews(session, 'warehouse', views))
      },
    })
    await admin.query('create view warehouse.theirs as select * from warehouse.v')
    await life(database.url, [], [], {
      during: async ({ session }) => {
        const error: unknown = await session
          .transaction(() => applyViews(session, 'warehouse', changed))
          .catch((e: unknown) => e)
        expect((error as Error).constructor.name).toBe('OperatorError')
      },
    })
  })

  it('a pair that a reviewer decided on fits the matched table', async () => {
    await life(database.url, [peoplePlan], [...schemas, person('1', 'ann', 'lee'), user('1', 'ann', 'lee')])
    await admin.query('update syncline.match_pair set score = 2147483647')
    await life(database.url, [peoplePlan], [])
    expect(await matched()).toEqual(['1-1'])
  })

  it('owning the schemas is enough', async () => {
    await admin.query('create schema syncline')
    await admin.query('create schema warehouse')
    await admin.query(
      `do $$ begin if not exists (select from pg_roles where rolname = 'limited') then create role limited login password 'x'; end if; end $$`,
    )
    await admin.query('alter schema syncline owner to limited')
    await admin.query('alter schema warehouse owner to limited')
    const url = new URL(database.url)
    url.username = 'limited'
    url.password = 'x'
    const warehouse = await openTestWarehouse(url.toString(), [])
    await warehouse.close()
  })

  it('activity over a column that is no date', async () => {
    const plan = { ...peoplePlan, activity: { field: 'location', days: 30 } }
    const error: unknown = await life(
      database.url,
      [plan],
      [...schemas, person('1', 'ann', 'lee'), townUser('york')],
    ).catch((e: unknown) => e)
    expect((error as Error | undefined)?.constructor.name).toBe('OperatorError')
  })

  it('a dead letter of a record that the source has no more is closed by the resync', async () => {
    const around = (inner: Change[]): Change[] => [
      { kind: 'resync-begin', stream: 'user' },
      ...inner,
      { kind: 'resync-end', stream: 'user' },
    ]
    await life(database.url, [], [...schemas, ...around([user('1', 'a', 'b')])], {
      rejected: [{ stream: 'user', key: ['2'], code: 'c', reason: 'r', raw: '{}' }],
    })
    await life(database.url, [], around([user('1', 'a', 'b')]))
    expect(await admin.query('select id from syncline.dead_letter where closed_at is null')).toEqual([])
  })

  it('the error of a statement that nobody waited for is the one that is reported', async () => {
    const error: unknown = await admin
      .transaction(async () => {
        admin.background(admin.query('select * from no_permission_or_disk_full'))
        await admin.query('select 1')
      })
      .catch((e: unknown) => e)
    expect((error as Error).message).toContain('no_permission_or_disk_full')
  })

  it('matched fields of type json can be published', async () => {
    const columns = (peopleStreams['user'] ?? []).map((column) =>
      column.name === 'town' ? { ...column, type: 'json' } : column,
    )
    await life(
      database.url,
      [{ ...peoplePlan, single: [] }],
      [
        ...schemas,
        { kind: 'schema', stream: 'user', columns },
        person('1', 'ann', 'lee'),
        upsert('user', { id: '1', first: 'ann', last: 'lee', town: '{"a": 1}' }),
      ],
    )
  })

  it('streams with long names that begin alike do not mix', async () => {
    const long = (n: number): string => `${'x'.repeat(58)}_${n}`
    const columns = peopleStreams['practice'] ?? []
    const wider = peopleStreams['user'] ?? []
    const streams: Change[] = [
      { kind: 'schema', stream: long(1), columns },
      { kind: 'schema', stream: long(2), columns: wider },
      upsert(long(1), { id: '1', town: 'a' }),
      upsert(long(2), { id: '1', first: 'f', last: 'l', town: 't' }),
    ]
    await life(database.url, [], streams, {
      during: async ({ session, state }) => {
        const source = scriptedSource('s', [], [])
        const batch = {
          before: '1',
          after: '2',
          changes: [upsert(long(1), { id: '2', town: 'b' })],
          rejected: [],
          ledger: [],
          committedAt: null,
        }
        await commitBatch(session, source, batch, state)
      },
    })
  })

  const keyed: Column[] = [
    { name: 'id', type: 'text', nullable: false, keyPosition: 1, comment: null },
    { name: 'data', type: 'json', nullable: true, keyPosition: null, comment: null },
  ]
  it('a key too long for an index is a dead letter and does not stop the stream', async () => {
    const id = Array.from({ length: 3_000 }, () =>
      String.fromCodePoint(0x4e00 + Math.floor(Math.random() * 20_000)),
    ).join('')
    await life(
      database.url,
      [],
      [
        { kind: 'schema', stream: 'keyed', columns: keyed },
        upsert('keyed', { id, data: null }),
        upsert('keyed', { id: 'good', data: null }),
      ],
    )
    expect(await admin.query('select id from warehouse.keyed')).toEqual([['good']])
  })

  it('JSON too deep for Postgres is a dead letter and does not stop the stream', async () => {
    const data = '['.repeat(50_000) + ']'.repeat(50_000)
    await life(
      database.url,
      [],
      [
        { kind: 'schema', stream: 'keyed', columns: keyed },
        upsert('keyed', { id: 'deep', data }),
        upsert('keyed', { id: 'good', data: null }),
      ],
    )
    expect(await admin.query('select id from warehouse.keyed')).toEqual([['good']])
  })
})
