import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
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
import type { Auth } from '../../../src/poller/credentials.ts'
import { limitedUntil } from '../../../src/poller/rate-limit.ts'
import { RequestGate } from '../../../src/poller/request-gate.ts'
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

/** A server of the test's own; returns its origin. */
async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<Server> {
  const server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  open.push({
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve()
        })
        server.closeAllConnections()
      }),
  })
  return server
}

const originOf = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`
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

describe('who we are', () => {
  test('is proven by a token that is got, renewed and got again when it is refused', async () => {
    const seen: string[] = []
    let valid = 0
    const server = await serve((request, response) => {
      const { authorization = '' } = request.headers
      seen.push(`${request.method ?? ''} ${authorization}`)
      if (request.method === 'POST') {
        let form = ''
        request.on('data', (chunk: Buffer) => (form += chunk.toString()))
        request.on('end', () => {
          expect(form).toBe('grant_type=client_credentials&scope=read+users')
          valid++
          response.end(JSON.stringify({ access_token: `t${valid}`, expires_in: 3600 }))
        })
        return
      }
      const isRight = authorization === `Bearer t${valid}`
      response.writeHead(isRight ? 200 : 401).end('{"total_pages":1,"users":[]}')
    })
    const auth: Auth = {
      kind: 'oauth',
      tokenUrl: `${originOf(server)}/token`,
      ...{ clientId: 'me', clientSecret: 'a b:c', scope: 'read users' },
    }
    const clock = fakeClock(now)
    const source = vendorSource({ url: `${originOf(server)}/users` }, { auth, clock })
    expect(await source.preflight(signal)).toEqual([])
    await clock.sleep(3_590_000)
    expect(await source.preflight(signal)).toEqual([])
    valid++
    expect(await source.preflight(signal)).toEqual([])
    await source.close()
    const asked = `POST Basic ${Buffer.from('me:a+b%3Ac').toString('base64')}`
    expect(seen).toEqual([
      ...[asked, 'GET Bearer t1', asked, 'GET Bearer t2'],
      ...['GET Bearer t2', asked, 'GET Bearer t4'],
    ])
  })

  test('that is refused to several requests at once is renewed for all of them', async () => {
    let [given, refused] = [0, 0]
    const server = await serve((request, response) => {
      if (request.method === 'POST') {
        response.end(JSON.stringify({ access_token: `t${++given}` }))
        return
      }
      const isFirst = request.url?.endsWith('page=1') === true
      const isRight = isFirst || request.headers.authorization !== 'Bearer t1'
      if (!isRight) refused++
      const { id } = /page=(?<id>.*)/.exec(request.url ?? '')?.groups ?? {}
      const users = Number(id) > 4 ? [] : [{ id: Number(id), firstname: 'A', lastname: 'B' }]
      // They are refused one after another, the later ones when there is another token by now.
      setTimeout(
        () => {
          response.writeHead(isRight ? 200 : 401).end(JSON.stringify({ total_pages: 4, users }))
        },
        isRight ? 0 : refused * 20,
      )
    })
    const auth: Auth = {
      ...{ kind: 'oauth', tokenUrl: `${originOf(server)}/token` },
      ...{ clientId: 'me', clientSecret: 'secret', scope: null },
    }
    const source = vendorSource({ url: `${originOf(server)}/users` }, { auth, concurrency: 4 })
    expect(await sweepInto(new Mirror(), source)).toMatchObject({ upserts: 4 })
    expect(refused).toBeGreaterThan(1)
    expect(given).toBe(2)
  })

  test.each([
    [{ kind: 'bearer', token: 'abc' } as const, 'Bearer abc'],
    [
      { kind: 'basic', user: 'me', password: 'x:y' } as const,
      `Basic ${Buffer.from('me:x:y').toString('base64')}`,
    ],
  ])('is said with every request: %j', async (auth, header) => {
    const seen = new Set<string>()
    const server = await serve((request, response) => {
      seen.add(request.headers.authorization ?? '')
      expect(request.headers['user-agent']).toBe('tests/1')
      response.end('{"total_pages":1,"users":[]}')
    })
    const source = vendorSource({ url: originOf(server) }, { auth, userAgent: 'tests/1' })
    await sweepInto(new Mirror(), source)
    expect([...seen]).toEqual([header])
  })

  test('is not told to another host to which the API may redirect', async () => {
    const simulator = await simulate()
    const seen: IncomingMessage['headers'][] = []
    const server = await serve((request, response) => {
      seen.push(request.headers)
      response.writeHead(307, { location: `${simulator.url}${request.url?.slice(1) ?? ''}` }).end()
    })
    const there = await serve((request, response) => {
      seen.push(request.headers)
      response.writeHead(307, { location: `${originOf(server)}${request.url ?? ''}` }).end()
    })
    const options = {
      auth: { kind: 'bearer', token: 'hidden' } as const,
      headers: { 'x-api-key': 'hidden' },
      redirectHosts: [new URL(originOf(server)).host, new URL(simulator.url).host],
    }
    const mirror = new Mirror()
    await sweepInto(mirror, vendorSource({ url: `${originOf(there)}/` }, options))
    expect(mirror.rows('vendor_user')).toHaveLength(25)
    const [first, second] = seen
    expect(first).toMatchObject({ authorization: 'Bearer hidden', 'x-api-key': 'hidden' })
    expect(JSON.stringify(second)).not.toContain('hidden')
    await expect(
      sweepInto(
        new Mirror(),
        vendorSource({ url: `${originOf(there)}/` }, { ...options, redirectHosts: [] }),
      ),
    ).rejects.toMatchObject({ code: 'redirected' })
  })
})

describe('a proxy', () => {
  test('carries all requests, and is told its own password only', async () => {
    const simulator = await simulate()
    const seen: IncomingMessage['headers'][] = []
    const proxy = await serve((_, response) => response.writeHead(405).end())
    proxy.on('connect', (request: IncomingMessage, socket) => {
      seen.push(request.headers)
      const [host = '', port = ''] = (request.url ?? '').split(':')
      const far = connect(Number(port), host, () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
        far.pipe(socket)
        socket.pipe(far)
      })
      far.on('error', () => socket.destroy())
      socket.on('error', () => far.destroy())
    })
    const address = new URL(originOf(proxy))
    address.username = 'me'
    address.password = 'se%20cret'
    const mirror = new Mirror()
    const auth = { kind: 'bearer', token: 'hidden' } as const
    await sweepInto(mirror, vendorSource(simulator, { proxy: address.href, auth }))
    expect(mirror.rows('vendor_user')).toHaveLength(25)
    expect(seen.length).toBeGreaterThan(0)
    expect(seen[0]?.['proxy-authorization']).toBe(`Basic ${Buffer.from('me:se cret').toString('base64')}`)
    expect(JSON.stringify(seen)).not.toContain('hidden')
  })
})
