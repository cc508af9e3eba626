import { beforeEach, describe, expect, it } from 'vitest'
import { dropFormerViews, type KeptView } from '../../src/warehouse/former-views.ts'
import { applyViews, type ViewFile } from '../../src/warehouse/views.ts'
import { life, schemas } from '../support/life.ts'
import { databasePerTest } from '../support/postgres.ts'

/** A file that makes a view of each name, each over the one before. */
function fileOf(...names: string[]): ViewFile {
  const sql = names.map(
    (name, i) => `create or replace view ${name} as select * from ${names[i - 1] ?? 'practice'}`,
  )
  return { file: 'a.sql', sql: sql.join(';\n'), views: names }
}

describe('view files', () => {
  const database = databasePerTest()
  beforeEach(() => life(database.url, [], schemas))
  /** As at the end of a run with these files. */
  const apply = (...files: ViewFile[]): Promise<KeptView[]> =>
    database.admin.transaction(async () => {
      await applyViews(database.admin, 'warehouse', files)
      return dropFormerViews(database.admin, 'warehouse', files)
    })
  const views = async (): Promise<(string | null)[]> =>
    (
      await database.admin.query(`select viewname from pg_views where schemaname = 'warehouse' order by 1`)
    ).flat()

  it('can be applied again and again', async () => {
    expect(await apply(fileOf('one', 'two'))).toEqual([])
    expect(await apply(fileOf('one', 'two'))).toEqual([])
    expect(await views()).toEqual(['one', 'two'])
  })

  it('that are not configured any more take their views with them, and no others', async () => {
    await database.admin.query('create view warehouse.theirs as select 1')
    await apply(fileOf('one', 'two', 'three'), fileOf('four'))
    expect(await apply(fileOf('four'))).toEqual([])
    expect(await views()).toEqual(['four', 'theirs'])
    expect(await apply()).toEqual([])
    expect(await views()).toEqual(['theirs'])
  })

  it('leave a view on which others depend, and tell', async () => {
    await apply(fileOf('one', 'two'))
    await database.admin.query('create view warehouse.theirs as select * from warehouse.one')
    expect(await apply()).toEqual([{ view: '"warehouse"."one"', reason: 'used' }])
    expect(await views()).toEqual(['one', 'theirs'])
    await database.admin.query('drop view warehouse.theirs')
    expect(await apply()).toEqual([])
    expect(await views()).toEqual([])
  })

  it('leave a view that somebody has changed, and tell', async () => {
    await apply(fileOf('one'))
    await database.admin.query('drop view warehouse.one; create view warehouse.one as select 2 as a')
    expect(await apply()).toEqual([{ view: '"warehouse"."one"', reason: 'changed' }])
    expect(await views()).toEqual(['one'])
  })

  it('that are wrong are told by file, line and place, without the rest of their SQL', async () => {
    const sql = `-- a day's count: “naïve” 𝄞\ncreate or replace view v as\n  select id, twon from practice`
    const error: unknown = await apply({ file: '/views/10_v.sql', sql, views: ['v'] }).catch(
      (e: unknown) => e,
    )
    expect(error).toMatchObject({
      code: 'view-failed',
      message: '10_v.sql:3: column "twon" does not exist, near: twon from practice',
    })
    expect((error as Error).cause).toBeUndefined()
  })

  it('on whose views others have built are told as what they are', async () => {
    const made = (column: string): ViewFile => ({
      file: 'a.sql',
      sql: `create or replace view v as select 1 as ${column}`,
      views: ['v'],
    })
    await apply(made('a'))
    await database.admin.query('create view warehouse.theirs as select * from warehouse.v')
    await expect(apply(made('b'))).rejects.toMatchObject({ code: 'view-in-use' })
  })
})
