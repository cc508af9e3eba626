import { Writable } from 'node:stream'
import { inspect } from 'node:util'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { startVendorSimulator, type VendorSimulator } from '../../../examples/vendor-match/simulator.ts'
import { parseRetryAfter } from '../../../src/poller/http-errors.ts'
import type { FetchRequest } from '../../../src/poller/http-fetcher.ts'
import { TransientError } from '../../../src/runtime/errors.ts'
import { Mirror } from '../../support/mirror.ts'
import { fakeClock, sweepInto, vendorSource, vendorUsers } from '../../support/vendor-source.ts'

let simulator: VendorSimulator

beforeEach(async () => {
  simulator = await startVendorSimulator({ users: vendorUsers(25), pageSize: 10 })
})

afterEach(async () => {
  await simulator.close()
})

const sweep = (options: Parameters<typeof vendorSource>[1]): ReturnType<typeof sweepInto> =>
  sweepInto(new Mirror(), vendorSource(simulator, options))

test('requests that fail now and then are told of once for each way of failing', async () => {
  const lines: string[] = []
  const sink = new Writable({
    write(chunk: Buffer, _, done) {
      lines.push(chunk.toString())
      done()
    },
  })
  for (const [page, status] of [500, 503, 500].entries())
    simulator.faults.add({ kind: 'status', status, pages: [page + 1], times: 1 })
  simulator.faults.add({ kind: 'reset', pages: [2], times: 1 })
  expect(await sweep({ concurrency: 1, log: pino({ level: 'warn' }, sink) })).toMatchObject({ upserts: 25 })
  const codes = lines.map((line) => (JSON.parse(line) as { code: string }).code)
  expect(codes.sort()).toEqual(['connection-failed', 'server-failed'])
})

describe('Retry-After', () => {
  const now = Date.parse('2017-02-02T00:00:00Z')

  test.each([
    ['120', 120_000],
    [' 0 ', 0],
    ['Thu, 02 Feb 2017 00:00:07 GMT', 7_000],
    ['Wed, 01 Feb 2017 00:00:00 GMT', 0],
    ['soon', null],
    ['9999999999999', 3_600_000],
    ['Sun, 02 Feb 2037 00:00:00 GMT', 3_600_000],
    ['-5', null],
    ['1e9', null],
    ['', null],
    [undefined, null],
  ])('of %j is %j milliseconds', (header, ms) => {
    expect(parseRetryAfter(header, now)).toBe(ms)
  })

  test.each([
    ['seconds', '7'],
    ['a date', 'Thu, 02 Feb 2017 00:00:07 GMT'],
  ])('in %s is waited for, though the delay of the retry would be shorter', async (_, header) => {
    simulator.faults.add({
      kind: 'status',
      status: 429,
      // Dates are counted from the clock of the server that names them.
      headers: { 'retry-after': header, date: 'Thu, 02 Feb 2017 00:00:00 GMT' },
      pages: [1],
      times: 1,
    })
    const clock = fakeClock(now)
    expect(await sweep({ clock })).toMatchObject({ upserts: 25 })
    expect(clock.slept).toEqual([7_000])
  })

  test('of half an hour is handed to whoever opens the source again, not slept through', async () => {
    simulator.faults.add({ kind: 'status', status: 503, headers: { 'retry-after': '1800' } })
    const clock = fakeClock(now)
    const error: unknown = await sweep({ clock }).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(TransientError)
    expect(error).toMatchObject({ code: 'server-failed', retryAfterMs: 1_800_000 })
    expect(clock.slept).toEqual([])
  })

  test('does not shorten the full jitter of the retry', async () => {
    simulator.faults.add({ kind: 'status', status: 500, pages: [1], times: 3 })
    const clock = fakeClock(now)
    await sweep({ clock, random: () => 0.5, retry: { attempts: 4, baseMs: 100, maxMs: 300 } })
    expect(clock.slept).toEqual([50, 100, 150])
  })
})

describe('what is sent', () => {
  test('names us, keeps other parameters and asks with the declared first page', async () => {
    const requests: FetchRequest[] = []
    const fetcher = {
      fetch: (request: FetchRequest) => {
        requests.push(request)
        return Promise.resolve({
          status: 200,
          headers: {},
          body: Buffer.from('{"data":{"rows":[]},"pages":0}'),
        })
      },
      close: () => Promise.resolve(),
    }
    await sweep({
      url: 'https://me:se%20cret@vendor.example/v2/users?zone=a%26b&p=9#there',
      page: { by: 'number', param: 'p', first: 0 },
      records: '/data/rows',
      totalPages: '/pages',
      headers: { 'X-Key': 'k' },
      fetcher,
    })
    expect(requests.map(({ url }) => url.href)).toEqual([
      'https://vendor.example/v2/users?zone=a%26b&p=0#there',
    ])
    expect(requests[0]?.headers).toMatchObject({
      'user-agent': expect.stringContaining('syncline') as string,
      authorization: `Basic ${Buffer.from('me:se cret').toString('base64')}`,
      'x-key': 'k',
    })
  })

  test('goes over at most as many connections as requests are allowed at a time, kept alive', async () => {
    let connections = 0
    simulator.onConnection(() => connections++)
    await sweep({ concurrency: 2 })
    expect(connections).toBeLessThanOrEqual(2)
    expect(simulator.requests.length).toBeGreaterThan(2)
  })

  test('follows a redirect on the same host', async () => {
    const location = '/api/v1/users?page=1&moved=yes'
    simulator.faults.add({ kind: 'status', status: 307, headers: { location }, pages: [1], times: 1 })
    expect(await sweep({})).toMatchObject({ upserts: 25 })
  })
})

describe('secrets', () => {
  const secrets = ['pa55word', 't0ken', 'h3ader', 'l0cation']

  test.each([
    ['status 500', { kind: 'status', status: 500 } as const],
    ['status 404', { kind: 'status', status: 404 } as const],
    ['status 401', { kind: 'status', status: 401 } as const],
    [
      'a redirect',
      { kind: 'status', status: 302, headers: { location: 'http://x.example/?a=l0cation' } } as const,
    ],
    ['a reset', { kind: 'reset' } as const],
    ['a wrong shape', { kind: 'body', body: '{"error":"t0ken is wrong"}' } as const],
    ['no JSON', { kind: 'body', body: 'no such t0ken' } as const],
    ['a slow answer', { kind: 'stalled' } as const],
  ])('reach no error, no log and no defect: %s', async (_, fault) => {
    simulator.faults.add(fault)
    const lines: string[] = []
    const sink = new Writable({
      write(chunk: Buffer, _encoding, done) {
        lines.push(chunk.toString())
        done()
      },
    })
    const url = new URL(simulator.url)
    url.username = 'somebody'
    url.password = 'pa55word'
    url.searchParams.set('key', 't0ken')
    const options = {
      url: url.href,
      headers: { 'x-key': 'h3ader' },
      clock: fakeClock(),
      timeoutMs: 100,
      log: pino({ level: 'trace' }, sink),
    }
    const error: unknown = await sweep(options).catch((error: unknown) => error)
    const source = vendorSource(simulator, options)
    const defects = await source.preflight(new AbortController().signal)
    await source.close()
    const shown = [inspect(error, { depth: 9, showHidden: true }), JSON.stringify(defects), ...lines].join(
      '\n',
    )
    expect(shown).toContain('page=1')
    expect(secrets.filter((secret) => shown.includes(secret))).toEqual([])
  })

  test('are not shown by a URL that is none', () => {
    const create = (): unknown => vendorSource({ url: 'htp://somebody:pa55word@vendor' })
    expect(create).toThrow(expect.objectContaining({ code: 'url-invalid' }))
    expect(inspect(caught(create), { depth: 9 })).not.toContain('pa55word')
  })
})

function caught(work: () => unknown): unknown {
  try {
    return work()
  } catch (error) {
    return error
  }
}

describe('stopping', () => {
  test('in the middle of a request or of a wait ends the sweep at once', async () => {
    for (const fault of [{ kind: 'stalled' } as const, { kind: 'status', status: 500 } as const]) {
      const stop = new AbortController()
      simulator.faults.add({ ...fault, pages: [2] })
      simulator.faults.add({
        kind: 'meanwhile',
        pages: [3],
        act: () =>
          setImmediate(() => {
            stop.abort()
          }),
      })
      const source = vendorSource(simulator, {
        timeoutMs: 60_000,
        retry: { attempts: 9, baseMs: 60_000, maxMs: 60_000 },
      })
      let batches = 0
      for await (const batch of source.open({
        after: null,
        ledger: new Mirror().ledger(),
        signal: stop.signal,
      })) {
        expect(batch.after).toBe('{"sweep":1,"page":1}')
        batches++
      }
      expect(batches).toBeLessThanOrEqual(1)
      await source.close()
      simulator.faults.clear()
    }
  })
})

describe('options that contradict themselves are refused at once', () => {
  test.each([
    ['no key', { key: [] }, 'key-missing'],
    ['a key that is no column', { key: ['uuid'] }, 'key-unknown'],
    [
      'a column twice',
      {
        columns: [
          { name: 'id', type: 'text' },
          { name: 'id', type: 'text' },
        ],
      },
      'column-repeated',
    ],
    ['an unknown type', { columns: [{ name: 'id', type: 'hstore' }] }, 'type-unsupported'],
    ['no pointer', { records: 'users' }, 'pointer-invalid'],
    ['no web address', { url: 'mysql://host/db' }, 'url-invalid'],
  ])('%s', (_, options, code) => {
    expect(() => vendorSource(simulator, options)).toThrow(expect.objectContaining({ code }))
  })
})
