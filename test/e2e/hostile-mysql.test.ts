import { randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { matching, startHostile, type HostileSystem } from '../support/hostile.ts'
import { mysqlServers } from '../support/mysql.ts'
import { Wire } from '../support/wire.ts'

const containing = (text: string): unknown => expect.stringContaining(text)

/** For what is the driver's business whatever the server is: one flavour shows it. */
const elsewhere = { it: () => undefined, describe: () => undefined }

describe.each(mysqlServers)('a hostile $flavour', (server) => {
  const once = server === mysqlServers[0] ? { it, describe } : elsewhere
  let system: HostileSystem
  const account = { name: `u_${randomBytes(9).toString('hex')}`, password: randomBytes(9).toString('hex') }
  const execute = (sql: string): Promise<unknown> => system.schema.execute(sql)
  const useUrl = (change: (url: URL) => void): void => {
    const url = new URL(system.schema.url)
    change(url)
    system.environment['INTERNAL_MYSQL_URL'] = url.href
  }
  beforeAll(async () => {
    system = await startHostile({ server })
    system.secrets.push(account.password)
    await execute(`create user '${account.name}'@'%' identified by '${account.password}'`)
    await execute('create table user_kept like user; insert into user_kept select * from user')
  })
  afterAll(async () => {
    await execute(`drop user '${account.name}'@'%'`)
    await system.close()
  })
  afterEach(() => {
    delete system.environment['INTERNAL_MYSQL_URL']
  })
  const restoreUsers = (): Promise<unknown> =>
    execute('drop table user; create table user like user_kept; insert into user select * from user_kept')

  describe('that refuses us is named with what to do', () => {
    once.it('a wrong password', async () => {
      const wrong = randomBytes(9).toString('hex')
      system.secrets.push(wrong)
      useUrl((url) => (url.password = wrong))
      expect(await system.fails(77)).toEqual(
        matching(
          'access-denied',
          /source internal: MySQL server 127.*Access denied for user 'syncline'/,
          /password/,
        ),
      )
    })

    once.it('an unknown host', async () => {
      useUrl((url) => (url.hostname = 'no-such-host.invalid'))
      const failure = await system.fails(69)
      // A machine without any name server cannot know that there is no such host.
      expect(['unknown-host', 'server-unreachable']).toContain(failure.code)
      expect(failure).toEqual(
        matching(failure.code, /MySQL server no-such-host.invalid:\d+: getaddrinfo/, /Check/),
      )
    })

    once.it('a closed port', async () => {
      useUrl((url) => (url.port = '1'))
      expect(await system.fails(69)).toEqual(
        matching('server-unreachable', /MySQL server 127.0.0.1:1: connect ECONNREFUSED/, /server runs/),
      )
    })

    once.it('a database that is not there', async () => {
      useUrl((url) => (url.pathname = '/nowhere'))
      expect(await system.fails(78)).toEqual(
        matching('database-missing', /no database nowhere on 127/, /Correct the database/),
      )
    })

    it('missing grants, on the database, a table and a column', async () => {
      useUrl((url) => Object.assign(url, { username: account.name, password: account.password }))
      const { name } = system.schema
      const user = `\`${name}\`.\`user\` to '${account.name}'@'%'`
      const grant = (what: string): Promise<unknown> => execute(`grant ${what} to '${account.name}'@'%'`)
      expect(await system.fails(77)).toEqual(
        matching('database-missing', /that 'u_.*'@'%' may see/, `grant select on \`${name}\`.* to`),
      )
      await grant(`select on ${name}.user_practice`)
      expect(await system.fails(77)).toEqual(
        matching('grant-missing', /may not select from t_.*\.user/, `grant select on ${user};`),
      )
      await grant(`select (id, firstname) on ${name}.user`)
      const partly = await system.run('run', '--snapshot')
      expect(partly.stderr).toContain('may not select all columns')
      expect(partly.stderr).toContain(`grant select on ${user};`)
      expect(partly).toMatchObject({ code: 78 })
      await grant(`select on ${name}.user`)
      await system.recovers()
    })

    it('a missing table and a missing key, both at once', async () => {
      await execute('alter table user modify id int not null, drop primary key')
      expect(await system.fails(78)).toEqual(
        matching('key-missing', /table t_.*\.user has no key/, /alter table .* primary key;/),
      )
      await execute('rename table user_practice to p')
      expect(await system.fails(78)).toEqual(
        matching(
          'preflight',
          /no table t_.*\.user_practice on .*\n.*\.user has no key/,
          /`tables`.*\nalter table/,
        ),
      )
      await execute('rename table p to user_practice')
      await restoreUsers()
      await system.recovers()
    })
  })

  once.describe('that is cut off in mid-run', () => {
    let wire: Wire
    let reader: { connection: number; bytes: number }
    beforeAll(async () => {
      wire = await Wire.before(system.schema.url)
      await system.renewWarehouse()
      useUrl((url) => (url.port = String(wire.port)))
      await system.recovers()
      // The last connection reads the tables, users at last.
      reader = { connection: wire.sent.length - 1, bytes: Math.round((wire.sent.at(-1) ?? 0) * 0.7) }
    })
    afterAll(() => wire.close())

    it('and comes back at once is not noticed', async () => {
      await system.renewWarehouse()
      useUrl((url) => (url.port = String(wire.port)))
      wire.cutAt({ ...reader, forGood: false })
      await system.recovers()
      expect(wire.sent.length).toBe(reader.connection + 2)
    })

    it('and stays away is something to try again, and nothing is lost', async () => {
      await system.renewWarehouse()
      useUrl((url) => (url.port = String(wire.port)))
      wire.cutAt({ ...reader, forGood: true })
      expect(await system.fails(75)).toEqual(
        matching('server-unreachable', /MySQL server 127.*ECONNREFUSED/, /server runs/),
      )
      const content = await system.content()
      expect(content.some((line) => line.startsWith('internal_practice '))).toBe(true)
      await wire.mend()
      await system.recovers()
    })
  })

  describe('with hostile data', () => {
    it('takes a zero date for none', async () => {
      await execute(`set sql_mode = ''; update user set last_active_date = '0000-00-00' where id % 7 = 0`)
      expect(await system.run('run', '--snapshot')).toMatchObject({ code: 0 })
      const nulls = (await system.content()).filter(
        (l) => l.startsWith('internal_user ') && l.includes('"last_active_date": null'),
      )
      expect(nulls.length).toBeGreaterThan(10)
      await restoreUsers()
      await system.recovers()
    })

    it('puts what cannot be taken in into the dead letters, as it came, and closes them when it is mended', async () => {
      const users = (await system.schema.execute('select id from user order by id limit 4')) as {
        id: number
      }[]
      const [a, b, c] = users.map(({ id }) => id)
      await execute('alter table user modify firstname varchar(50) character set ucs2')
      await execute(`set sql_mode = ''; update user set last_active_date = '0000-00-00' where id = ${a};
        update user set lastname = concat('a', char(0), 'b') where id = ${b};
        update user set firstname = _ucs2 x'0041D8000042' where id = ${c}`)
      await system.renewWarehouse()
      await system.configure((yaml) => yaml.replace('    tables:', '    zeroDates: reject\n    tables:'))
      const run = await system.run('run', '--snapshot')
      expect(run).toMatchObject({ code: 3 })
      expect(run.stderr).toContain('3 records could not be taken in: see the table syncline.dead_letter')
      const letters = await system.letters()
      expect(letters).toMatchObject([
        {
          stream: 'internal_user',
          key: `["${a}"]`,
          code: 'impossible-date',
          raw: containing('"last_active_date":"0000-00-00"'),
        },
        {
          stream: 'internal_user',
          key: `["${b}"]`,
          code: 'zero-character',
          raw: containing('"lastname":"a\\u0000b"'),
        },
        {
          stream: 'internal_user',
          key: `["${c}"]`,
          code: 'invalid-utf8',
          raw: containing('"firstname":"\\\\x41eda08042"'),
        },
      ])
      await restoreUsers()
      await system.configure((yaml) => yaml.replace('    zeroDates: reject\n', ''))
      await system.recovers()
      expect(await system.letters()).toEqual([])
    })

    once.it('takes empty tables for what they are', async () => {
      await execute(
        'create table practice_kept select * from user_practice; delete from user; delete from user_practice',
      )
      const emptied = await system.run('run', '--snapshot')
      expect(emptied).toMatchObject({ code: 0 })
      expect(emptied.stdout).toContain('Total Matches: 0\n')
      expect((await system.content()).filter((l) => /^internal_/.test(l))).toEqual([])
      await system.renewWarehouse()
      const fresh = await system.run('run', '--snapshot')
      expect(fresh).toMatchObject({ code: 0 })
      await execute('insert into user_practice select * from practice_kept')
      await restoreUsers()
      await system.recovers()
    })
  })
})
