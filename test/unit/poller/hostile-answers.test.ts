import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Fault } from '../../../examples/vendor-match/simulator-faults.ts'
import { startVendorSimulator, type VendorSimulator } from '../../../examples/vendor-match/simulator.ts'
import { OperatorError, SynclineError, TransientError } from '../../../src/runtime/errors.ts'
import { Mirror } from '../../support/mirror.ts'
import { fakeClock, sweepInto, vendorSource, vendorUsers } from '../../support/vendor-source.ts'

let simulator: VendorSimulator

beforeEach(async () => {
  simulator = await startVendorSimulator({ users: vendorUsers(42), pageSize: 10 })
})

afterEach(async () => {
  await simulator.close()
})

async function failure(
  options: Parameters<typeof vendorSource>[1] = {},
  mirror = new Mirror(),
): Promise<SynclineError> {
  const error: unknown = await sweepInto(mirror, vendorSource(simulator, options)).catch(
    (error: unknown) => error,
  )
  if (!(error instanceof SynclineError)) throw new Error(`expected a failure, got ${String(error)}`)
  return error
}

function expectWhole(mirror: Mirror): void {
  expect(mirror.rows('vendor_user')).toHaveLength(simulator.count)
}

type Spoiler = Fault extends infer F ? (F extends Fault ? Omit<F, 'pages' | 'times'> : never) : never

describe('a fault that passes', () => {
  const faults: [name: string, fault: Spoiler][] = [
    ['status 500', { kind: 'status', status: 500 }],
    ['status 503', { kind: 'status', status: 503 }],
    ['a reset connection', { kind: 'reset' }],
    ['a truncated body', { kind: 'truncated' }],
    ['JSON that breaks off', { kind: 'cut-json' }],
    ['HTML instead of JSON', { kind: 'html' }],
    ['a stalled answer', { kind: 'stalled' }],
    ['an empty body', { kind: 'body', body: '' }],
    ['an error object with status 200', { kind: 'body', body: '{"message":"try later"}' }],
    [
      'an encoding nobody asked for',
      { kind: 'status', status: 502, headers: { 'content-encoding': 'zstd' } },
    ],
  ]

  test.each(faults)('is survived without losing a record: %s', async (_, fault) => {
    simulator.faults.add({ ...fault, pages: [3], times: 2 })
    const mirror = new Mirror()
    await sweepInto(mirror, vendorSource(simulator, { clock: fakeClock(), timeoutMs: 300 }))
    expectWhole(mirror)
    expect(simulator.requests.filter((page) => page === '3')).toHaveLength(3)
  })
})

describe('a fault that stays', () => {
  const faults: [name: string, fault: Spoiler, code: RegExp, message: RegExp][] = [
    [
      'status 500',
      { kind: 'status', status: 500 },
      /^server-failed$/,
      /page 3 .*status 500; given up after 3 attempts/,
    ],
    ['status 429', { kind: 'status', status: 429 }, /^rate-limited$/, /page 3 .*status 429/],
    [
      'a reset connection',
      { kind: 'reset' },
      /^connection-failed$|^truncated$/,
      /page 3 .*ECONNRESET|page 3 .*broke off/,
    ],
    ['a truncated body', { kind: 'truncated' }, /^truncated$/, /page 3 .*broke off/],
    ['JSON that breaks off', { kind: 'cut-json' }, /^not-json$/, /page 3 .*is not complete JSON/],
    ['HTML', { kind: 'html' }, /^not-json$/, /page 3 .*is HTML or XML, not JSON \(text\/html/],
    ['a stalled answer', { kind: 'stalled' }, /^timeout$/, /page 3 .*no complete answer within 100 ms/],
  ]

  test.each(faults)(
    'ends in an error that names the page and is tried again later: %s',
    async (_, fault, code, message) => {
      simulator.faults.add({ ...fault, pages: [3] })
      const mirror = new Mirror()
      const error = await failure({ clock: fakeClock(), timeoutMs: 100 }, mirror)
      expect(error).toBeInstanceOf(TransientError)
      expect(error.code).toMatch(code)
      expect(error.message).toMatch(message)
      expect(error.hint).toBeTruthy()
      // The pages before it are taken in; the next run goes on behind them.
      expect(mirror.position).toBe('{"sweep":1,"page":2}')
      simulator.faults.clear()
      await sweepInto(mirror, vendorSource(simulator))
      expectWhole(mirror)
    },
  )

  const refusals: [name: string, fault: Spoiler, code: string, message: RegExp][] = [
    [
      'status 404',
      { kind: 'status', status: 404 },
      'page-not-found',
      /127\.0\.0\.1:\d+\/api\/v1\/users\?page=1/,
    ],
    ['status 401', { kind: 'status', status: 401 }, 'access-denied', /status 401/],
    ['status 403', { kind: 'status', status: 403 }, 'access-denied', /status 403/],
    ['status 400', { kind: 'status', status: 400 }, 'unexpected-status', /status 400/],
    [
      'a redirect elsewhere',
      redirect('https://login.example/?token=hidden'),
      'redirected',
      /to https:\/\/login\.example$/,
    ],
    ['a redirect to itself', redirect('/api/v1/users?page=1'), 'redirected', /for ever/],
    [
      'a page of 1 GB',
      { kind: 'huge', bytes: 2 ** 30 },
      'page-too-large',
      /too large: more than 4 MiB were sent/,
    ],
    [
      'a gzip bomb',
      { kind: 'huge', bytes: 2 ** 26, gzip: true },
      'page-too-large',
      /\d+ bytes decompress to more than 4 MiB/,
    ],
    ['a negative page count', { kind: 'total', total: -3 }, 'page-shape', /announces -3 pages/],
    ['an absurd page count', { kind: 'total', total: 1e9 }, 'page-shape', /announces 1000000000 pages/],
    ['a fraction of a page', { kind: 'total', total: 1.5 }, 'page-shape', /expected a whole number/],
    [
      'records that are no array',
      body({ total_pages: 1, users: { 1: {} } }),
      'page-shape',
      /an object at "\/users"/,
    ],
    ['no records at all', body({ total_pages: 1 }), 'page-shape', /nothing at "\/users"/],
    ['no number of pages', body({ users: [] }), 'page-shape', /nothing at "\/total_pages"/],
    ['a page that is no object', body([1, 2]), 'page-shape', /nothing at "\/users"/],
  ]

  test.each(refusals)(
    'that somebody must mend is told at once, with the cure: %s',
    async (_, fault, code, message) => {
      simulator.faults.add(fault)
      const error = await failure({ clock: fakeClock() })
      expect(error).toBeInstanceOf(OperatorError)
      expect(error.code).toBe(code)
      expect(error.message).toMatch(message)
      expect(error.hint).toBeTruthy()
      expect(simulator.requests.length).toBeLessThanOrEqual(4)
      const [defect] = await vendorSource(simulator, { clock: fakeClock() }).preflight(
        new AbortController().signal,
      )
      expect(defect).toMatchObject({ severity: 'fatal', code, cure: error.hint })
    },
  )

  test('an announced page that does not exist is told when it stays so', async () => {
    simulator.faults.add({ kind: 'status', status: 404, pages: [3] })
    expect(await failure()).toMatchObject({
      code: 'page-not-found',
      message: expect.stringMatching(
        /page 3 .*page=3\) is announced by the API but does not exist/,
      ) as string,
    })
  })

  test('an unknown host is told at once', async () => {
    const lookup = Object.assign(new Error('getaddrinfo ENOTFOUND nowhere.invalid'), { code: 'ENOTFOUND' })
    const fetcher = { fetch: () => Promise.reject(lookup), close: () => Promise.resolve() }
    const error = await failure({ url: 'http://nowhere.invalid/users', fetcher })
    expect(error).toMatchObject({ code: 'unknown-host', area: 'server' })
  })

  test('a server that is down is worth another attempt later', async () => {
    const { url } = simulator
    await simulator.close()
    const error = await failure({ url, clock: fakeClock() })
    expect(error).toBeInstanceOf(TransientError)
    expect(error.message).toMatch(/page 1 .*ECONNREFUSED.*given up after 3 attempts/)
  })
})

function redirect(location: string): Spoiler {
  return { kind: 'status', status: 302, headers: { location } }
}

function body(page: unknown): Spoiler {
  return { kind: 'body', body: JSON.stringify(page) }
}

describe('an API that goes in a circle is named', () => {
  test.each([
    ['a number of pages', {}],
    ['no number of pages', { totalPages: null }],
  ])('with %s', async (_, options) => {
    simulator.faults.add({ kind: 'other-page', page: 1 })
    const error = await failure(options)
    expect(error).toMatchObject({ code: 'page-cycle', area: 'configuration' })
    expect(error.hint).toContain('"page" is the parameter')
  })

  test('when there are only two pages', async () => {
    simulator.setUsers(vendorUsers(20))
    simulator.faults.add({ kind: 'other-page', page: 1 })
    expect(await failure()).toMatchObject({ code: 'page-cycle' })
  })

  test('when the circle is longer than a page', async () => {
    simulator.faults.add({ kind: 'other-page', page: 1, pages: [4] })
    simulator.faults.add({ kind: 'other-page', page: 2, pages: [5] })
    simulator.faults.add({ kind: 'other-page', page: 3, pages: [6] })
    simulator.faults.add({ kind: 'total', total: 999 })
    expect(await failure()).toMatchObject({ code: 'page-cycle' })
  })

  test('when its records cannot even be read', async () => {
    simulator.setUsers(Array.from({ length: 40 }, (_, index) => `{"name":${index}}`))
    simulator.faults.add({ kind: 'other-page', page: 1 })
    expect(await failure({ totalPages: null })).toMatchObject({ code: 'page-cycle' })
  })
})
