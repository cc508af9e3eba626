import type { IncomingMessage, RequestListener } from 'node:http'
import { connect } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { startVendorSimulator, type VendorSimulator } from '../../../examples/vendor-match/simulator.ts'
import type { Auth } from '../../../src/poller/credentials.ts'
import { Mirror } from '../../support/mirror.ts'
import { startPlainServer, type PlainServer } from '../../support/plain-server.ts'
import { fakeClock, sweepInto, vendorSource, vendorUsers } from '../../support/vendor-source.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const server of open.splice(0)) await server.close()
})

async function simulate(): Promise<VendorSimulator> {
  const simulator = await startVendorSimulator({ users: vendorUsers(25), pageSize: 10 })
  open.push(simulator)
  return simulator
}

async function serve(answer: RequestListener): Promise<PlainServer> {
  const server = await startPlainServer(answer)
  open.push(server)
  return server
}

const now = Date.parse('2017-02-02T00:00:00Z')
const { signal } = new AbortController()

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
      tokenUrl: `${server.origin}/token`,
      ...{ clientId: 'me', clientSecret: 'a b:c', scope: 'read users' },
    }
    const clock = fakeClock(now)
    const source = vendorSource({ url: `${server.origin}/users` }, { auth, clock })
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
    let renew: () => void = () => undefined
    const renewed = new Promise<void>((resolve) => (renew = resolve))
    const server = await serve((request, response) => {
      if (request.method === 'POST') {
        response.end(JSON.stringify({ access_token: `t${++given}` }))
        if (given > 1) renew()
        return
      }
      const isFirst = request.url?.endsWith('page=1') === true
      const isRight = isFirst || request.headers.authorization !== 'Bearer t1'
      const { id } = /page=(?<id>.*)/.exec(request.url ?? '')?.groups ?? {}
      const users = Number(id) > 4 ? [] : [{ id: Number(id), firstname: 'A', lastname: 'B' }]
      // They are refused one after another, the later ones when there is another token by now.
      const turn = !isRight && refused++ > 0 ? renewed : Promise.resolve()
      void turn.then(() =>
        response.writeHead(isRight ? 200 : 401).end(JSON.stringify({ total_pages: 4, users })),
      )
    })
    const auth: Auth = {
      ...{ kind: 'oauth', tokenUrl: `${server.origin}/token` },
      ...{ clientId: 'me', clientSecret: 'secret', scope: null },
    }
    const source = vendorSource({ url: `${server.origin}/users` }, { auth, concurrency: 4 })
    expect(await sweepInto(new Mirror(), source)).toMatchObject({ upserts: 4 })
    expect(refused).toBeGreaterThan(1)
    expect(given).toBe(2)
  })

  test.each(['ends\n', 'costs 5 €'])('that no header can hold (%j) is named as the cause', async (token) => {
    const server = await serve((_, response) => response.end('{"total_pages":1,"users":[]}'))
    const source = vendorSource({ url: `${server.origin}/users` }, { auth: { kind: 'bearer', token } })
    expect(await source.preflight(signal)).toMatchObject([{ code: 'request-invalid' }])
    await source.close()
  })

  test('is used for half its life when that is short', async () => {
    let given = 0
    const server = await serve((request, response) => {
      if (request.method === 'POST') response.end(`{"access_token":"t${++given}","expires_in":20}`)
      else response.end('{"total_pages":1,"users":[]}')
    })
    const auth: Auth = {
      ...{ kind: 'oauth', tokenUrl: `${server.origin}/token` },
      ...{ clientId: 'me', clientSecret: 'secret', scope: null },
    }
    const clock = fakeClock(now)
    const source = vendorSource({ url: `${server.origin}/users` }, { auth, clock })
    await source.preflight(signal)
    await clock.sleep(9_000)
    await source.preflight(signal)
    expect(given).toBe(1)
    await clock.sleep(1_000)
    await source.preflight(signal)
    await source.close()
    expect(given).toBe(2)
  })

  test('is asked for as gently as pages are: within the budget, and not before the API wants to be asked', async () => {
    let tries = 0
    const asked: number[] = []
    const clock = fakeClock(now)
    const server = await serve((request, response) => {
      asked.push(clock.now() - now)
      if (request.method !== 'POST') response.end('{"total_pages":1,"users":[]}')
      else if (++tries === 1) response.writeHead(429, { 'retry-after': '30' }).end()
      else response.end(JSON.stringify({ access_token: 't' }))
    })
    const auth: Auth = {
      ...{ kind: 'oauth', tokenUrl: `${server.origin}/token` },
      ...{ clientId: 'me', clientSecret: 'secret', scope: null },
    }
    const url = `${server.origin}/users`
    const source = vendorSource({ url }, { auth, clock, requestsPerMinute: 6 })
    expect(await source.preflight(signal)).toEqual([])
    await source.close()
    expect(asked).toHaveLength(3)
    const [first = 0, second = 0, third = 0] = asked
    expect(second - first).toBeGreaterThanOrEqual(30_000)
    expect(third - second).toBeGreaterThanOrEqual(10_000)
  })

  test('is not asked for at a host that is down', async () => {
    let asked = 0
    const server = await serve((_, response) => {
      asked++
      response.writeHead(503).end()
    })
    const auth: Auth = {
      ...{ kind: 'oauth', tokenUrl: `${server.origin}/token` },
      ...{ clientId: 'me', clientSecret: 'secret', scope: null },
    }
    const retry = { attempts: 12, baseMs: 1, maxMs: 1 }
    const options = { auth, retry, clock: fakeClock(now), maxRetryAfterMs: 1_000 }
    const source = vendorSource({ url: `${server.origin}/users` }, options)
    expect(await source.preflight(signal)).toMatchObject([{ code: 'server-failed' }])
    expect(await source.preflight(signal)).toMatchObject([{ code: 'circuit-open' }])
    await source.close()
    expect(asked).toBe(12)
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
    const source = vendorSource({ url: server.origin }, { auth, userAgent: 'tests/1' })
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
      response.writeHead(307, { location: `${server.origin}${request.url ?? ''}` }).end()
    })
    const options = {
      auth: { kind: 'bearer', token: 'hidden' } as const,
      headers: { 'x-api-key': 'hidden' },
      redirectHosts: [new URL(server.origin).host, new URL(simulator.url).host],
    }
    const mirror = new Mirror()
    await sweepInto(mirror, vendorSource({ url: `${there.origin}/` }, options))
    expect(mirror.rows('vendor_user')).toHaveLength(25)
    const [first, second] = seen
    expect(first).toMatchObject({ authorization: 'Bearer hidden', 'x-api-key': 'hidden' })
    expect(JSON.stringify(second)).not.toContain('hidden')
    await expect(
      sweepInto(new Mirror(), vendorSource({ url: `${there.origin}/` }, { ...options, redirectHosts: [] })),
    ).rejects.toMatchObject({ code: 'redirected' })
  })
})

describe('a proxy', () => {
  test('carries all requests, and is told its own password only', async () => {
    const simulator = await simulate()
    const seen: IncomingMessage['headers'][] = []
    const proxy = await serve((_, response) => response.writeHead(405).end())
    proxy.server.on('connect', (request: IncomingMessage, socket) => {
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
    const address = new URL(proxy.origin)
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
