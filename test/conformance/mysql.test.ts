import { describe } from 'vitest'
import { mysqlSource, mysqlServers, testSchema } from '../db/cdc-fixture.ts'
import { isPast, logEnd } from '../db/tail-fixture.ts'
import { untilCaughtUp } from '../support/caught-up-source.ts'
import { sourceConformance, type SourceFixture } from './source-conformance.ts'

type TextRow = Readonly<Record<string, string | null>>

async function mysqlFixture(serverUrl: string, { follow }: { follow: boolean }): Promise<SourceFixture> {
  const schema = await testSchema(serverUrl)
  await schema.execute('create table practice (name varchar(40) primary key, city text)')
  await schema.execute(
    'create table person (id int primary key, name varchar(40), seen date, score decimal(8,2))',
  )
  await schema.execute("insert into practice values ('a', 'Foley'), ('B', null), ('c', 'bay minette')")
  const people = Array.from({ length: 23 }, (_, n) => [n * 3 - 5, `name ${n}`, '2017-01-03', n / 4])
  await schema.execute('insert into person values ?', [people])
  return {
    createSource: () => {
      const source = mysqlSource(schema, ['practice', 'person'], { chunkRows: 5, follow })
      return follow ? untilCaughtUp(source, isPast, () => logEnd(schema.url)) : source
    },
    expected: async () => ({
      practice: (await schema.execute('select * from practice')) as TextRow[],
      person: (await schema.execute(
        'select cast(id as char) as id, name, cast(seen as char) as seen, cast(score as char) as score from person where seen > 0',
      )) as TextRow[],
    }),
    mutate: async () => {
      await schema.execute("update person set name = 'changed' where id = 4")
      await schema.execute(
        "insert into person values (1000, 'new', null, 1), (-900, 'first', '2017-02-02', null)",
      )
      await schema.execute(
        "update person set seen = '2017-02-01' where id = 1000; delete from person where id = 7",
      )
      await schema.execute("delete from practice where name = 'c'")
    },
    runsUntilSettled: 1,
    poison: async () => {
      await schema.execute(
        "set session sql_mode = ''; insert into person values (8, 'poison', '0000-00-00', 1)",
      )
      return { rawContains: '"seen":"0000-00-00"' }
    },
    goldenPositions: [
      '{"run":1,"step":1,"log":{"kind":"mysql-gtid","set":"3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5"}}',
      '{"run":1,"step":2,"log":{"kind":"mysql-gtid","set":"3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5"}}',
      '{"run":1,"step":2,"log":{"kind":"mysql-gtid","set":"3e11fa47-71ca-11e1-9e33-c80aa9429562:1-10:night:1"}}',
      '{"run":2,"step":1,"log":{"kind":"mariadb-gtid","list":"0-1-100,1-1-7"}}',
      '{"run":2,"step":2,"log":{"kind":"mariadb-gtid","list":"0-2-101,1-1-7"}}',
      '{"run":3,"step":1,"log":{"kind":"file","server":"7","file":"binlog.999999","offset":900}}',
      '{"run":3,"step":1,"log":{"kind":"file","server":"7","file":"binlog.1000000","offset":4}}',
      '{"run":4,"step":1,"log":{"kind":"none"}}',
    ],
    close: () => schema.drop(),
  }
}

describe.each(mysqlServers)('server $flavour', ({ url: serverUrl }) => {
  sourceConformance('the MySQL source', () => mysqlFixture(serverUrl, { follow: false }))
  sourceConformance('the MySQL source that follows', () => mysqlFixture(serverUrl, { follow: true }))
})
