import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { VendorUser } from '../../examples/vendor-match/simulator.ts'
import type { Fault } from '../../examples/vendor-match/simulator-faults.ts'
import { matching, startHostile, type HostileSystem } from '../support/hostile.ts'
import { mysqlServers } from '../support/mysql.ts'

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

const gibibyte = 1024 ** 3
type Case = [name: string, fault: Fault, exitCode: number, code: string, msg: RegExp, hint: RegExp]

/** A run that meets the fault on these pages says so and names the first of them. */
async function expectNamed([, fault, exitCode, code, msg, hint]: Case, pages: number[]): Promise<void> {
  system.simulator.faults.add({ ...fault, pages })
  const failure = await system.fails(exitCode)
  expect(failure).toEqual(matching(code, msg, hint))
  const [page = 0] = pages
  expect(failure.msg).toMatch(
    new RegExp(`^source vendor: page ${page} \\(http://127.0.0.1:\\d+/api/v1/users\\?page=${page}\\)`),
  )
}

describe('an API that is wrong from the first page on is named with what to do', () => {
  const elsewhere = { location: 'https://elsewhere.example/login?token=x' }
  const cases: Case[] = [
    ['404', { kind: 'status', status: 404 }, 78, 'page-not-found', /does not exist \(status 404\)/, /path/],
    ['401', { kind: 'status', status: 401 }, 77, 'access-denied', /refused with status 401/, /credentials/],
    [
      '500 for ever',
      { kind: 'status', status: 500 },
      69,
      'server-failed',
      /status 500; given up after 3/,
      /operator/,
    ],
    [
      'a redirection to a login',
      { kind: 'status', status: 302, headers: elsewhere },
      78,
      'redirected',
      /redirects to https:\/\/elsewhere.example$/,
      /URL/,
    ],
    [
      'HTML instead of JSON',
      { kind: 'html' },
      69,
      'not-json',
      /is HTML or XML, not JSON \(text\/html, 36 bytes\)/,
      /login page/,
    ],
    ['a truncated answer', { kind: 'truncated' }, 69, 'truncated', /broke off/, /is up/],
    ['truncated JSON', { kind: 'cut-json' }, 69, 'not-json', /not complete JSON/, /curl/],
    [
      'a negative page count',
      { kind: 'total', total: -3 },
      78,
      'page-shape',
      /announces -3 pages/,
      /"\/total_pages"/,
    ],
    [
      'an error with status 200',
      { kind: 'body', body: '{"error":"down"}' },
      78,
      'page-shape',
      /has nothing at "\/users"/,
      /JSON pointers/,
    ],
  ]
  it.each(cases)('%s', async (...wrong) => {
    await expectNamed(wrong, [1])
  })

  it('an unknown host', async () => {
    const before = system.environment['VENDOR_API_URL'] ?? ''
    system.environment['VENDOR_API_URL'] = 'http://no-such-host.invalid/users'
    const failure = await system.fails(69)
    system.environment['VENDOR_API_URL'] = before
    // A machine without any name server cannot know that there is no such host.
    expect(['unknown-host', 'connection-failed']).toContain(failure.code)
    expect(failure.msg).toMatch(/^source vendor: page 1 \(http:\/\/no-such-host.invalid\/users\?page=1\)/)
  })

  it('records that all lack an id', async () => {
    system.simulator.setUsers(users.map((user) => JSON.stringify({ ...user, id: undefined })))
    const failure = await system.fails(78)
    system.simulator.setUsers(users)
    expect(failure).toEqual(
      matching('records-unreadable', /10 of 10 records on the first page .* id is missing/, /columns/),
    )
  })

  it('and after all of it nothing is lost', () => system.recovers())
})

describe('an API that goes wrong in mid-run', () => {
  const cases: Case[] = [
    ['401', { kind: 'status', status: 401 }, 77, 'access-denied', /refused with status 401/, /credentials/],
    [
      '500 for ever',
      { kind: 'status', status: 500 },
      75,
      'server-failed',
      /status 500; given up after 3/,
      /run again/,
    ],
    ['HTML instead of JSON', { kind: 'html' }, 75, 'not-json', /is HTML or XML/, /curl/],
    ['truncated JSON', { kind: 'cut-json' }, 75, 'not-json', /is not complete JSON/, /curl/],
    [
      'a negative page count',
      { kind: 'total', total: -3 },
      75,
      'page-shape',
      /announces -3 pages/,
      /total_pages/,
    ],
  ]
  const pages = [4, 5, 6, 7, 8, 9, 10]
  beforeAll(() => system.renewWarehouse())
  it.each(cases)('is named with its page: %s', async (...wrong) => {
    await expectNamed(wrong, pages)
  })

  it('and after all of it nothing is lost', () => system.recovers())

  it('by a page that is not there, loses nothing', async () => {
    await system.renewWarehouse()
    system.simulator.faults.add({ kind: 'status', status: 404, pages: [4] })
    expect(await system.fails(69)).toEqual(
      matching('page-not-found', /page 4 .* is announced by the API but does not exist/, /operator/),
    )
    system.simulator.faults.clear()
    await system.recovers()
  })

  it('by pages in a circle, loses nothing', async () => {
    await system.renewWarehouse()
    system.simulator.faults.add({ kind: 'other-page', page: 2, pages: [3, 4, 5, 6, 7, 8, 9, 10] })
    expect(await system.fails(78)).toEqual(
      matching(
        'page-cycle',
        /^source vendor: page \d holds the same records as page 2/,
        /"page" is the parameter/,
      ),
    )
    system.simulator.faults.clear()
    await system.recovers()
  })

  it('by having no records any more, deletes nothing', async () => {
    system.simulator.setUsers([])
    const first = await system.run('run', '--snapshot')
    expect(first).toMatchObject({ code: 0 })
    expect(first.stderr).toContain('100 records not seen this time, kept until another run confirms it')
    expect(await system.fails(78)).toEqual(
      matching(
        'mass-disappearance',
        /100 of 100 known records \(100%\) are no longer in the API; nothing was deleted/,
        /`maxDeletedShare`/,
      ),
    )
    expect(await system.content()).toEqual(system.expected)
    system.simulator.setUsers(users)
    await system.recovers()
  })
})

describe('a page of 1 GB', () => {
  beforeAll(() => system.renewWarehouse())
  it.each([
    [
      'is refused before it fills the memory',
      { kind: 'huge', bytes: gibibyte },
      /more than 64 MiB were sent/,
      1,
    ],
    [
      'is refused when it comes compressed',
      { kind: 'huge', bytes: gibibyte, gzip: true },
      /1 MiB decompress to more than 64 MiB/,
      1,
    ],
    [
      'is refused when all pages are so',
      { kind: 'huge', bytes: gibibyte, pages: [2, 3, 4, 5, 6, 7, 8, 9, 10] },
      /more than 64 MiB were sent/,
      4,
    ],
  ] as [string, Fault, RegExp, number][])('%s', async (_, fault, msg, atOnce) => {
    const peakFile = join(system.folder, 'peak')
    const note = `import{writeFileSync}from'node:fs';process.on('exit',()=>writeFileSync(${JSON.stringify(peakFile)},String(process.resourceUsage().maxRSS)))`
    system.environment['NODE_OPTIONS'] = `--import=data:text/javascript,${encodeURIComponent(note)}`
    system.simulator.faults.add(fault)
    const failure = await system.fails(69)
    delete system.environment['NODE_OPTIONS']
    expect(failure).toEqual(matching('page-too-large', msg, /`maxBodyBytes`/))
    const peakMib = Number(await readFile(peakFile, 'utf8')) / 1024
    expect(peakMib).toBeLessThan(150 + atOnce * 64 * 1.2)
  })

  it('loses nothing', () => system.recovers())
})
