import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { startVendorSimulator, type VendorSimulator } from '../../../examples/vendor-match/simulator.ts'
import {
  circuitAfter,
  closedCircuit,
  HostCircuits,
  type Circuit,
  type CircuitEvent,
} from '../../../src/poller/circuit.ts'
import { limitedUntil } from '../../../src/poller/rate-limit.ts'
import { RequestGate } from '../../../src/poller/request-gate.ts'
import type { HttpSource } from '../../../src/poller/source.ts'
import { TransientError } from '../../../src/runtime/errors.ts'
import { Mirror } from '../../support/mirror.ts'
import { fakeClock, sweepInto, vendorSource, vendorUsers } from '../../support/vendor-source.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const server of open.splice(0)) await server.close()
})

async function simulate(count = 25): Promise<VendorSimulator> {
  const simulator = await startVendorSimulator({ users: vendorUsers(count), pageSize: 10 })
  open.push(simulator)
  return simulator
}

const now = Date.parse('2017-02-02T00:00:00Z')
const { signal } = new AbortController()

describe('the headers that tell how much is left', () => {
  test.each([
    [{}, null],
    [{ 'ratelimit-remaining': '3', 'ratelimit-reset': '30' }, null],
    [{ 'ratelimit-remaining': '0', 'ratelimit-reset': '30' }, now + 30_000],
    [{ 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1485993660' }, 1_485_993_660_000],
    [{ ratelimit: '"default";r=0;t=12' }, now + 12_000],
    [{ ratelimit: '"a";r=5;t=9, "b";r=0;t=40' }, now + 40_000],
    [{ 'ratelimit-remaining': 'none', 'ratelimit-reset': '-1' }, null],
  ])('%j', (headers, until) => {
    expect(limitedUntil(headers, now)).toBe(until)
  })

  test('are heeded by all requests that follow', async () => {
    const simulator = await simulate()
    simulator.faults.add({
      kind: 'headers',
      headers: { 'ratelimit-remaining': '0', 'ratelimit-reset': '45' },
      pages: [2],
      times: 1,
    })
    const clock = fakeClock(now)
    expect(await sweepInto(new Mirror(), vendorSource(simulator, { clock, concurrency: 1 }))).toMatchObject({
      upserts: 25,
    })
    expect(clock.slept).toEqual([45_000])
  })
})

describe('the budget', () => {
  test('spaces requests evenly', async () => {
    const simulator = await simulate()
    const clock = fakeClock(now)
    const source = vendorSource(simulator, { clock, requestsPerMinute: 30, concurrency: 1 })
    await sweepInto(new Mirror(), source)
    expect(clock.slept).toEqual(new Array(simulator.requests.length - 1).fill(2000))
  })
})

describe('the circuit breaker', () => {
  const events = fc.array(
    fc.record({
      kind: fc.constantFrom('asked' as const, 'answered' as const, 'failed' as const),
      after: fc.nat({ max: 60_000 }),
    }),
    { maxLength: 200 },
  )

  test('lets nobody through while it is open, and any answer closes it', () => {
    fc.assert(
      fc.property(events, (list) => {
        let circuit: Circuit = closedCircuit
        let at = now
        for (const { kind, after } of list) {
          at += after
          const before = circuit
          circuit = circuitAfter(circuit, { kind, now: at } satisfies CircuitEvent)
          if (kind === 'answered') expect(circuit).toEqual(closedCircuit)
          if (before.kind === 'open' && kind !== 'answered' && at < before.untilMs)
            expect(circuit).toEqual(before)
          if (circuit.kind === 'open') expect(circuit.untilMs - at).toBeLessThanOrEqual(300_000)
        }
      }),
    )
  })

  test('after many failures in a row lets one request try, later and later', async () => {
    const clock = fakeClock(now)
    const circuits = new HostCircuits()
    const gate = new RequestGate({ clock, circuits, requestsPerMinute: null, maxWaitMs: 10_000 })
    const passing = { host: 'vendor.example', where: 'page 1', signal }
    for (let failure = 0; failure < 12; failure++) {
      await gate.pass(passing)
      gate.note('vendor.example', 'failed')
    }
    expect(clock.slept).toEqual([])
    await gate.pass(passing)
    expect(clock.slept).toEqual([5_000])
    gate.note('vendor.example', 'failed')
    await gate.pass(passing)
    expect(clock.slept).toEqual([5_000, 10_000])
    gate.note('vendor.example', 'failed')
    const error: unknown = await gate.pass(passing).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(TransientError)
    expect(error).toMatchObject({ code: 'circuit-open', retryAfterMs: 20_000 })
  })

  test('has somebody else try at once when whoever tries does not wait for the answer', async () => {
    const clock = fakeClock(now)
    const circuits = new HostCircuits()
    for (let failure = 0; failure < 12; failure++)
      circuits.set('vendor', circuitAfter(circuits.of('vendor'), { kind: 'failed', now: clock.now() }))
    const stop = new AbortController()
    let answers: () => Promise<never> = () => {
      stop.abort()
      return Promise.reject(new Error('aborted'))
    }
    const source = (): HttpSource =>
      vendorSource(
        { url: 'http://vendor/users' },
        { clock, circuits, fetcher: { fetch: () => answers(), close: () => Promise.resolve() } },
      )
    await expect(source().preflight(stop.signal)).rejects.toThrow()
    const slept = clock.slept.length
    let asked = false
    answers = () => {
      asked = true
      return Promise.reject(new Error('reset'))
    }
    await source().preflight(signal)
    expect(asked).toBe(true)
    expect(clock.slept.slice(slept).filter((ms) => ms === 250)).toEqual([])
  })

  test('is closed by an answer that is too large: whoever sends it is up', async () => {
    const simulator = await simulate()
    const clock = fakeClock(now)
    const circuits = new HostCircuits()
    const { host } = new URL(simulator.url)
    for (let failure = 0; failure < 12; failure++)
      circuits.set(host, circuitAfter(circuits.of(host), { kind: 'failed', now: clock.now() }))
    simulator.faults.add({ kind: 'huge', bytes: 2 ** 20, times: 1 })
    const source = vendorSource(simulator, { clock, circuits, maxBodyBytes: 2 ** 16 })
    expect(await source.preflight(signal)).toMatchObject([{ code: 'page-too-large' }])
    expect(circuits.of(host)).toEqual(closedCircuit)
    await source.close()
  })

  test('asks a server that is down less and less often, however often the source is opened', async () => {
    const simulator = await simulate()
    simulator.faults.add({ kind: 'status', status: 503 })
    const clock = fakeClock(now)
    const source = vendorSource(simulator, { clock, retry: { attempts: 6, baseMs: 1, maxMs: 5 } })
    for (let opened = 0; opened < 100; opened++) await source.preflight(signal)
    expect(simulator.requests.length).toBeLessThan(30)
    await source.close()
  })
})

test('a host that wants no more requests holds up no other', async () => {
  const clock = fakeClock(now)
  const gate = new RequestGate({
    clock,
    circuits: new HostCircuits(),
    requestsPerMinute: null,
    maxWaitMs: 10_000,
  })
  const limited = { status: 429, headers: { 'retry-after': '9' }, body: Buffer.alloc(0) }
  gate.note('tokens.example', 'answered', limited)
  expect(gate.waitMsOf('vendor.example')).toBe(0)
  await gate.pass({ host: 'vendor.example', where: 'page 1', signal })
  expect(clock.slept).toEqual([])
  await gate.pass({ host: 'tokens.example', where: 'the token', signal })
  expect(clock.slept).toEqual([9_000])
})

describe('sources of one host', () => {
  test('share its circuit breaker: what one has found down, another does not ask', async () => {
    const simulator = await simulate()
    const other = await simulate()
    simulator.faults.add({ kind: 'status', status: 503 })
    const circuits = new HostCircuits()
    const clock = fakeClock(now)
    const options = { circuits, clock, maxRetryAfterMs: 1_000, retry: { attempts: 12, baseMs: 1, maxMs: 5 } }
    const [first, second, elsewhere] = [
      vendorSource(simulator, options),
      vendorSource(simulator, { ...options, name: 'second' }),
      vendorSource(other, { ...options, name: 'elsewhere' }),
    ]
    expect(await first.preflight(signal)).toMatchObject([{ code: 'server-failed' }])
    const asked = simulator.requests.length
    expect(await second.preflight(signal)).toMatchObject([{ code: 'circuit-open' }])
    expect(simulator.requests).toHaveLength(asked)
    expect(await elsewhere.preflight(signal)).toEqual([])
    simulator.faults.clear()
    await clock.sleep(5_000)
    expect(await second.preflight(signal)).toEqual([])
    expect(await first.preflight(signal)).toEqual([])
    for (const source of [first, second, elsewhere]) await source.close()
  })
})
