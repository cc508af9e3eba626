import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { migrate, requireMigrated } from '../../src/state/migrate.ts'
import { createModel, dropForgottenTables, dropModel, publishModel } from '../../src/state/models.ts'
import { Session } from '../../src/state/session.ts'
import { testDatabase, type TestDatabase } from '../support/postgres.ts'

describe('migrate', () => {
  let database: TestDatabase
  let session: Session
  beforeAll(async () => {
    database = await testDatabase()
    session = await Session.connect({ url: database.url, applicationName: 'test' })
  })
  afterAll(async () => {
    await session.close()
    await database.drop()
  })

  it('applies each file once when many start at once', async () => {
    const others = await Promise.all(
      Array.from({ length: 5 }, () => Session.connect({ url: database.url, applicationName: 'test' })),
    )
    const results = await Promise.all(others.map((other) => migrate(other)))
    expect(results.filter(({ applied }) => applied.length > 0)).toHaveLength(1)
    expect((await migrate(session)).applied).toEqual([])
    for (const other of others) await other.close()
  })

  it('makes the schema that is committed as migrations/schema.txt', async () => {
    const rows = await session.query(
      `select c.relname || ' ' || c.relkind::text || ': ' ||
              coalesce((select string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
                        || case when a.attcollation <> 0 and co.collname <> 'default' then ' collate ' || co.collname else '' end
                        || case when a.attnotnull then ' not null' else '' end
                        || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), ''), ', ' order by a.attnum)
                   from pg_attribute a left join pg_collation co on co.oid = a.attcollation
                   left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
                  where a.attrelid = c.oid and a.attnum > 0), '')
         from pg_class c where c.relnamespace = 'syncline'::regnamespace and c.relkind in ('r', 'p', 'v')
        union all
       select c.relname || ' constraint ' || conname || ': ' || pg_get_constraintdef(k.oid)
         from pg_constraint k join pg_class c on c.oid = k.conrelid
        where k.connamespace = 'syncline'::regnamespace and k.contype <> 'n'
        union all
       select tablename || ' index ' || indexdef from pg_indexes where schemaname = 'syncline'
        order by 1`,
    )
    await expect(`${rows.flat().join('\n')}\n`).toMatchFileSnapshot('../../migrations/schema.txt')
  })

  it('comments on every table and every column', async () => {
    const bare = await session.query(
      `select c.relname, a.attname
         from pg_class c
         join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        where c.relnamespace = 'syncline'::regnamespace and c.relkind in ('r', 'p', 'v')
          and (col_description(c.oid, a.attnum) is null or obj_description(c.oid) is null)`,
    )
    expect(bare).toEqual([])
  })

  it('tells readers of a state of an older release, which they cannot read, and changes nothing', async () => {
    await expect(requireMigrated(session)).resolves.toBeUndefined()
    const last = `(select max(version) from syncline.migration)`
    const [version, name, checksum] = await session.one(
      `delete from syncline.migration where version = ${last} returning version, name, checksum`,
    )
    await expect(requireMigrated(session)).rejects.toMatchObject({ code: 'state-outdated' })
    await session.query('insert into syncline.migration (version, name, checksum) values ($1, $2, $3)', [
      version ?? '',
      name ?? '',
      checksum ?? '',
    ])
  })

  it('gives the blocking keys of an older release the index that they have now', async () => {
    await session.query('delete from syncline.migration where version = 20')
    await session.query('alter table syncline.match_key add primary key (key, id, side, model)')
    const version = { fingerprint: '', origin: 'configured', wanted: true, definition: {} } as const
    const published = await createModel(session, { match: 'published', ...version })
    const building = await createModel(session, { match: 'building', ...version })
    const [one, two] = [published, building].map((model) => `match_key_${model}`)
    for (const table of [`${one}_l`, `${one}_r`, `${two}_r`]) {
      await session.query(`insert into syncline.${table} (key, id) values (7, 'a'), (7, 'b')`)
      await session.query(`alter table syncline.${table} add primary key (key, id, side, model)`)
    }
    await publishModel(session, published)
    expect((await migrate(session)).applied).toEqual(['0020_match.sql'])
    const indexes = await session.query(
      `select tablename, indexdef from pg_indexes
        where schemaname = 'syncline' and tablename like 'match\\_key%' order by tablename`,
    )
    expect(indexes).toEqual(
      [`${one}_l`, `${one}_r`, `${two}_r`].map((table) => [
        table,
        `CREATE UNIQUE INDEX ${table}_key ON syncline.${table} USING btree (key, id)`,
      ]),
    )
    for (const model of [published, building]) await dropModel(session, model)
    await dropForgottenTables(session)
  })

  it('refuses a database that a newer Syncline has migrated', async () => {
    await session.query(
      `insert into syncline.migration (version, name, checksum) values (9999, '9999_later.sql', 'x')`,
    )
    await expect(migrate(session)).rejects.toMatchObject({ code: 'warehouse-newer' })
    await session.query('delete from syncline.migration where version = 9999')
  })

  it('refuses a database that was migrated by another text of the same file', async () => {
    await session.query(`update syncline.migration set checksum = 'x' where version = 1`)
    await expect(migrate(session)).rejects.toMatchObject({ code: 'migration-edited' })
  })
})
