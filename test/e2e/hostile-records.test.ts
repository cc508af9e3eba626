import { randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { VendorUser } from '../../examples/vendor-match/simulator.ts'
import { startHostile, type HostileSystem } from '../support/hostile.ts'
import { mysqlServers } from '../support/mysql.ts'
import { matchedPairs } from '../support/vendor-match.ts'

const [server] = mysqlServers
if (!server) throw new Error('no MySQL server')

let system: HostileSystem
/** As the API lists them when nothing is wrong. */
let users: readonly VendorUser[]
beforeAll(async () => {
  system = await startHostile({ server })
  users = [...system.simulator.users()]
})
afterAll(() => system.close())
afterEach(() => {
  system.simulator.faults.clear()
})

/** Serves something else in the place of some users. */
function serve(replaced: ReadonlyMap<number, VendorUser | string>): void {
  system.simulator.setUsers(users.map((user, place) => replaced.get(place) ?? user))
}

const containing = (text: string): unknown => expect.stringContaining(text)

describe('records that cannot be taken in', () => {
  it('go to the dead letters as they came, all others are taken in, and once mended nothing is lost', async () => {
    await system.renewWarehouse()
    const user = (place: number): VendorUser => users[place] as VendorUser
    const raw = (place: number, changes: object): string => JSON.stringify({ ...user(place), ...changes })
    const spoiled = new Map<number, string>([
      [3, raw(3, { id: undefined })],
      [14, raw(14, { id: null })],
      [25, raw(25, { id: 'abc' })],
      [36, raw(36, { firstname: 5 })],
      [47, raw(47, { lastname: { a: [1] } })],
      [58, raw(58, { last_active_date: 'yesterday' })],
      [59, raw(59, { last_active_date: '2017-02-30' })],
      [60, raw(60, { lastname: 'a\u0000b' })],
      [61, raw(61, { firstname: 'half \ud800 pair' })],
      [72, '"not a record"'],
      [83, 'null'],
      [94, '[1, 2]'],
    ])
    serve(spoiled)
    const run = await system.run('run', '--snapshot')
    expect(run).toMatchObject({ code: 3 })
    const letters = await system.letters()
    expect(letters.map((l) => l.raw).sort()).toEqual([...spoiled.values()].sort())
    const taken = (await system.content()).filter((line) => line.startsWith('vendor_user '))
    expect(taken).toHaveLength(100 - spoiled.size)
    expect(letters.map(({ code, key }) => `${code} ${key}`).sort()).toEqual([
      'missing-key null',
      'missing-key null',
      'not-a-record null',
      'not-a-record null',
      'not-a-record null',
      ...[36, 47, 58, 59, 60, 61].map((place) => `wrong-type ["${user(place).id}"]`).sort(),
      'wrong-type null',
    ])
    system.simulator.setUsers(users)
    // A record without an id is known by its raw form: its letter closes when no page holds it any more.
    expect(await system.run('run', '--snapshot')).toMatchObject({ code: 0 })
    expect(await system.letters()).toEqual([])
    expect(await system.content()).toEqual(system.expected)
  })

  it('as invalid UTF-8 cost their own record only', async () => {
    await system.renewWarehouse()
    const page = await (await fetch(`${system.simulator.url}?page=2`)).text()
    const body = Buffer.from(page)
    const at = body.indexOf('"firstname":"') + 13
    body[at] = 0xff
    system.simulator.faults.add({ kind: 'body', body, pages: [2] })
    expect(await system.run('run', '--snapshot')).toMatchObject({ code: 3 })
    expect(await system.letters()).toMatchObject([
      { code: 'invalid-utf8', raw: containing('"firstname":"\\xff') },
    ])
    system.simulator.faults.clear()
    await system.recovers()
    expect(await system.letters()).toEqual([])
  })
})

describe('names of 10,000 characters', () => {
  const letters = randomBytes(10_000).toString('base64')
  const names = {
    'of one word': letters.replaceAll(/[^a-z]/gi, 'x'),
    'of the same word again and again': 'ab '.repeat(4_000).trim(),
    'of many words': letters.replaceAll(/[^a-z]/gi, ' '),
  }
  it('are taken in and matched, whatever they are made of', async () => {
    const pairs = (await matchedPairs(system.database?.url ?? '')).slice(0, 3)
    const execute: typeof system.schema.execute = (sql, values) => system.schema.execute(sql, values)
    await execute('create table user_kept select id, firstname, lastname from user')
    await execute('alter table user modify firstname text, modify lastname text')
    for (const [place, name] of Object.values(names).entries()) {
      const { internalId = 0, vendorId = 0 } = pairs[place] ?? {}
      await execute('update user set firstname = ?, lastname = ? where id = ?', [name, name, internalId])
      system.simulator.update(vendorId, { firstname: name, lastname: name })
    }
    expect(await system.run('run', '--snapshot')).toMatchObject({ code: 0 })
    const content = (await system.content()).join('\n')
    for (const name of Object.values(names)) expect(content.split(`"${name}"`).length).toBeGreaterThan(4)
    expect(await matchedPairs(system.database?.url ?? '')).toEqual(expect.arrayContaining(pairs))
    await execute(`update user join user_kept using (id)
      set user.firstname = user_kept.firstname, user.lastname = user_kept.lastname; drop table user_kept`)
    system.simulator.setUsers(users)
    await system.recovers()
  })
})

describe('an empty API', () => {
  it('is no error, and what comes later is taken in', async () => {
    await system.renewWarehouse()
    system.simulator.setUsers([])
    const empty = await system.run('run', '--snapshot')
    expect(empty).toMatchObject({ code: 0 })
    expect(empty.stdout).toContain('Total Matches: 0\n')
    system.simulator.setUsers(users)
    await system.recovers()
  })
})
