import { readdir } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { packageFile } from '../../src/runtime/package-file.ts'
import { Session } from '../../src/state/session.ts'
import { ensureAsOfTable, setAsOf } from '../../src/warehouse/clock.ts'
import { applyViews, readViewFiles, type ViewFile } from '../../src/warehouse/views.ts'
import { testDatabase, type TestDatabase } from '../support/postgres.ts'

let database: TestDatabase
let session: Session
let viewFiles: ViewFile[]

beforeAll(async () => {
  database = await testDatabase()
  session = await Session.connect({ url: database.url, applicationName: 'views test' })
  await session.query('create schema warehouse')
  await ensureAsOfTable(session, 'warehouse')
  await setAsOf(session, 'warehouse', '2017-02-02')
  await session.query('set search_path to warehouse')
  await session.query(tables)
  const folder = packageFile('examples', 'vendor-match', 'views')
  viewFiles = await readViewFiles((await readdir(folder)).sort().map((name) => `${folder}/${name}`))
  await session.transaction(() => applyViews(session, 'warehouse', viewFiles))
})

afterAll(async () => {
  await session.close()
  await database.drop()
})

const tables = `
  create table internal_practice (id integer primary key, name varchar(50), location varchar(50));
  create table internal_user (id integer primary key, practice_id integer, firstname varchar(50), lastname varchar(50),
    classification varchar(50), specialty varchar(50), platform_registered_on varchar(25), last_active_date date);
  create table vendor_user (id bigint primary key, firstname text, lastname text, specialty text,
    practice_location text, user_type_classification text, last_active_date date);
  create table user_match (internal_id integer primary key, vendor_id bigint not null unique,
    internal_first_name varchar(50), vendor_first_name text, internal_last_name varchar(50), vendor_last_name text,
    specialty text, location text, internal_classification varchar(50), vendor_classification text,
    internal_platform varchar(25), internal_last_active_date date, vendor_last_active_date date,
    internal_active boolean, vendor_active boolean, match_weight numeric(9,3) not null,
    match_probability numeric(7,6) not null, model integer not null, matched_at timestamptz not null,
    updated_at timestamptz not null)`

/** A person by the last active day on each platform; undefined: no user there; null: no date known. */
interface Person {
  readonly internal?: string | null
  readonly vendor?: string | null
  readonly specialty?: string
  readonly location?: string
}

/** Replaces everybody. The person at place n has the internal id n + 1 and the vendor id n + 101. */
async function given(people: readonly Person[]): Promise<void> {
  await session.query(
    'truncate internal_user, internal_practice, vendor_user, user_match; ' +
      `insert into internal_practice values (63, 'generic_clinic_62', 'cahaba heights')`,
  )
  for (const [
    place,
    { internal, vendor, specialty = 'Dermatology', location = 'cahaba heights' },
  ] of people.entries()) {
    if (internal !== undefined) {
      await session.query(
        `insert into internal_user values ($1, 63, 'Misty', 'Lean', 'controversial', $2, 'mobile', $3)`,
        [String(place + 1), specialty, internal],
      )
    }
    if (vendor !== undefined) {
      await session.query(`insert into vendor_user values ($1, 'Mist', 'Lean', $2, $3, 'Contributor', $4)`, [
        String(place + 101),
        specialty,
        location.replaceAll(' ', '_'),
        vendor,
      ])
    }
    if (internal !== undefined && vendor !== undefined) {
      await session.query(matchSql, [
        String(place + 1),
        String(place + 101),
        specialty,
        location,
        internal,
        vendor,
      ])
    }
  }
}

const matchSql = `insert into user_match
  values ($1, $2, 'Misty', 'Mist', 'Lean', 'Lean', $3, $4, 'controversial', 'Contributor', 'mobile', $5::date, $6::date,
          $5::date >= date '2017-02-02' - 30, $6::date >= date '2017-02-02' - 30, 30, 0.999999, 1, now(), now())`

const edge = '2017-01-03'
const past = '2017-01-02'

describe('user_activity', () => {
  it('has everybody once, matched or not', async () => {
    await given([{ internal: edge, vendor: past }, { internal: past }, { vendor: edge }])
    const rows = await session.query(
      `select presence, internal_id, vendor_id, first_name, last_name, specialty, location, internal_classification,
              vendor_classification, internal_platform
         from user_activity order by internal_id, vendor_id`,
    )
    expect(rows).toEqual([
      [
        'both',
        '1',
        '101',
        'Misty',
        'Lean',
        'Dermatology',
        'cahaba heights',
        'controversial',
        'Contributor',
        'mobile',
      ],
      [
        'internal only',
        '2',
        null,
        'Misty',
        'Lean',
        'Dermatology',
        'cahaba heights',
        'controversial',
        null,
        'mobile',
      ],
      [
        'vendor only',
        null,
        '103',
        'Mist',
        'Lean',
        'Dermatology',
        'cahaba heights',
        null,
        'Contributor',
        null,
      ],
    ])
  })

  it('counts the 30th day as active, the 31st not, a future date as active, and no date as unknown', async () => {
    await given([
      { internal: edge, vendor: past },
      { internal: '2017-02-02', vendor: '2030-01-01' },
      { internal: null, vendor: edge },
      { internal: null, vendor: past },
      { internal: null, vendor: null },
      { internal: past },
      { vendor: null },
    ])
    const rows = await session.query(
      `select internal_active, vendor_active, active_anywhere, last_active_date
         from user_activity order by internal_id, vendor_id`,
    )
    expect(rows).toEqual([
      ['t', 'f', 't', edge],
      ['t', 't', 't', '2030-01-01'],
      [null, 't', 't', edge],
      [null, 'f', 'f', past],
      [null, null, null, null],
      ['f', null, 'f', past],
      [null, null, null, null],
    ])
  })

  it('keeps a user whose practice is unknown, and one whose match is gone on the other side', async () => {
    await given([{ internal: edge, vendor: edge }])
    await session.query('update internal_user set practice_id = 99; delete from vendor_user')
    expect(await session.query('select presence, vendor_id, location from user_activity')).toEqual([
      ['internal only', null, null],
    ])
  })

  it('follows the day that counts as today', async () => {
    await given([{ internal: edge }])
    await setAsOf(session, 'warehouse', '2017-02-03')
    expect(await session.query('select internal_active, as_of from user_activity')).toEqual([
      ['f', '2017-02-03'],
    ])
    await setAsOf(session, 'warehouse', '2017-02-02')
  })
})

describe('platform_overlap', () => {
  const overall = (columns: string): Promise<(string | null)[][]> =>
    session.query(`select ${columns} from platform_overlap where level = 'overall'`)

  /** So many people in each cell of the 2x2 table. */
  const cells = (both: number, onlyInternal: number, onlyVendor: number, neither: number): Person[] => [
    ...Array.from({ length: both }, () => ({ internal: edge, vendor: edge })),
    ...Array.from({ length: onlyInternal }, () => ({ internal: edge, vendor: past })),
    ...Array.from({ length: onlyVendor }, () => ({ internal: past, vendor: edge })),
    ...Array.from({ length: neither }, () => ({ internal: past, vendor: past })),
  ]

  it('counts the four cells, leaves the unknown out of the shares, and has no one who is not matched', async () => {
    await given([
      ...cells(4, 3, 2, 1),
      { internal: null, vendor: edge },
      { internal: edge },
      { vendor: edge },
    ])
    expect(
      await overall(
        `people, both_active, only_internal_active, only_vendor_active, neither_active, unknown, both_active_share,
         only_internal_active_share, only_vendor_active_share, neither_active_share, internal_active_share,
         vendor_active_share`,
      ),
    ).toEqual([['11', '4', '3', '2', '1', '1', '0.4000', '0.3000', '0.2000', '0.1000', '0.7000', '0.6000']])
  })

  it('tells by phi how the activities go together', async () => {
    await given(cells(4, 3, 2, 1))
    // (4·1 − 3·2) / √(7·3·6·4)
    expect(await overall('phi')).toEqual([['-0.0891']])
    await given(cells(3, 0, 0, 5))
    expect(await overall('phi')).toEqual([['1.0000']])
    await given(cells(0, 2, 5, 0))
    expect(await overall('phi')).toEqual([['-1.0000']])
  })

  it('has no phi where all or none are active on one platform, and one row of zeros for nobody', async () => {
    for (const degenerate of [cells(3, 2, 0, 0), cells(0, 0, 2, 3), cells(3, 0, 2, 0), cells(2, 0, 0, 0)]) {
      await given(degenerate)
      expect(await overall('phi')).toEqual([[null]])
    }
    await given([{ internal: null, vendor: edge }])
    expect(await overall('people, unknown, both_active_share, phi')).toEqual([['1', '1', null, null]])
    await given([])
    expect(await overall('people, both_active, phi')).toEqual([['0', '0', null]])
  })

  it('does not overflow for large numbers', async () => {
    await given([])
    await session.query(
      `insert into user_match (internal_id, vendor_id, internal_active, vendor_active, match_weight,
                               match_probability, model, matched_at, updated_at)
       select i, i, i % 2 = 0, i % 4 < 2, 1, 1, 1, now(), now() from generate_series(1, 200000) i`,
    )
    expect(await overall('people, phi')).toEqual([['200000', '0.0000']])
  })

  it('has a row for each specialty and each location, the unknown ones told from the total', async () => {
    await given([
      { internal: edge, vendor: edge, specialty: 'Urology', location: 'arab' },
      { internal: edge, vendor: past, specialty: 'Urology', location: 'black' },
      { internal: edge, vendor: past, location: 'black' },
    ])
    await session.query(`update user_match set specialty = null where internal_id = 3`)
    const rows = await session.query(
      'select level, specialty, location, people from platform_overlap order by level, specialty, location',
    )
    expect(rows).toEqual([
      ['location', null, 'arab', '1'],
      ['location', null, 'black', '2'],
      ['overall', null, null, '3'],
      ['specialty', 'Urology', null, '2'],
      ['specialty', null, null, '1'],
    ])
  })
})

describe('churn_watch', () => {
  it('has those active on one platform only, with the days since each last activity', async () => {
    await given([
      { internal: edge, vendor: edge },
      { internal: edge, vendor: past },
      { internal: '2016-12-25', vendor: '2017-02-04' },
      { internal: past, vendor: past },
      { internal: null, vendor: edge },
      { internal: past },
    ])
    const rows = await session.query(
      `select lost_by, internal_id, vendor_id, days_since_internal, days_since_vendor, days_inactive
         from churn_watch order by internal_id`,
    )
    expect(rows).toEqual([
      ['vendor', '2', '102', '30', '31', '31'],
      ['internal', '3', '103', '39', '-2', '39'],
    ])
  })
})

describe('the view files', () => {
  it('comment on every view and every column', async () => {
    const bare = await session.query(
      `select c.relname, a.attname
         from pg_class c
         join pg_attribute a on a.attrelid = c.oid and a.attnum >= 0 and not a.attisdropped
        where c.relnamespace = 'warehouse'::regnamespace and c.relkind = 'v'
          and (col_description(c.oid, a.attnum) is null or obj_description(c.oid) is null)`,
    )
    expect(bare).toEqual([])
  })
})
