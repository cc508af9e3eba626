import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { IncomingMessage, RequestListener } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TLSSocket, type PeerCertificate } from 'node:tls'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Defect } from '../../../src/changes/source.ts'
import type { TlsOptions } from '../../../src/runtime/tls-files.ts'
import { createAuthority } from '../../support/certificates.ts'
import { vendorSource } from '../../support/vendor-source.ts'

const authority = createAuthority('the vendor')
const stranger = createAuthority('somebody else')
const files = {
  'vendor.pem': authority.cert,
  'stranger.pem': stranger.cert,
  'us.pem': authority.issue('us').cert,
  ...pairOf('client', authority.issue('a client')),
  'no-certificate.pem': 'this is no certificate\n',
}
let folder: string
const servers: Server[] = []

function pairOf(name: string, { cert, key }: { cert: string; key: string }): Record<string, string> {
  return { [`${name}.pem`]: cert, [`${name}.key`]: key }
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'syncline-tls-'))
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content)
})
afterAll(() => rm(folder, { recursive: true, force: true }))
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})

interface Serving {
  readonly asksClients?: boolean
  readonly answer?: RequestListener
}

/** An API that proves itself, and asks clients to do so if told. Returns its address. */
async function serve({ asksClients = false, answer }: Serving = {}): Promise<string> {
  const { cert, key } = authority.issue('localhost')
  // With TLS 1.3 a server refuses a client only after the client took the connection to be made.
  const clients = {
    requestCert: asksClients || answer !== undefined,
    rejectUnauthorized: asksClients,
    maxVersion: 'TLSv1.2',
  } as const
  const empty: RequestListener = (_, response) => {
    response.end('{"total_pages":1,"users":[]}')
  }
  const started = createServer({ cert, key, ca: authority.cert, ...clients }, answer ?? empty)
  servers.push(started)
  await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve))
  return `https://localhost:${(started.address() as AddressInfo).port}/users`
}

async function defects(
  url: string,
  tls: Partial<TlsOptions> | null,
  further: Parameters<typeof vendorSource>[1] = {},
): Promise<readonly Defect[]> {
  const absolute = (name: string | null | undefined): string | null =>
    name == null ? null : join(folder, name)
  const options = tls && {
    ...{ ca: absolute(tls.ca), cert: absolute(tls.cert), key: absolute(tls.key) },
    verify: tls.verify ?? true,
  }
  const retry = { attempts: 1, baseMs: 1, maxMs: 1 }
  const source = vendorSource({ url }, { tls: options, retry, ...further })
  try {
    return await source.preflight(new AbortController().signal)
  } finally {
    await source.close()
  }
}

describe('the certificate of the API', () => {
  test('is trusted when its authority is in the file that is named', async () => {
    expect(await defects(await serve(), { ca: 'vendor.pem' })).toEqual([])
  })

  test.each([
    ['of nobody whom the machine knows', null],
    ['of another authority than the one that is named', { ca: 'stranger.pem' }],
  ])('%s is refused, and it is said what to do', async (_, tls) => {
    const [defect] = await defects(await serve(), tls)
    expect(defect).toMatchObject({
      code: 'tls-failed',
      message: expect.stringContaining("the server's certificate is not trusted") as string,
      cure: expect.stringContaining('`tls.ca`') as string,
    })
  })

  test('is refused for another host than the one that is asked', async () => {
    const url = (await serve()).replace('localhost', '127.0.0.1')
    expect(await defects(url, { ca: 'vendor.pem' })).toMatchObject([
      { code: 'tls-failed', message: expect.stringContaining('ERR_TLS_CERT_ALTNAME_INVALID') as string },
    ])
  })

  test('is not looked at when told so', async () => {
    expect(await defects(await serve(), { verify: false })).toEqual([])
  })
})

describe('an API that asks who its clients are', () => {
  test('is shown the certificate that is named', async () => {
    const url = await serve({ asksClients: true })
    const pair = { cert: 'client.pem', key: 'client.key' }
    expect(await defects(url, { ca: 'vendor.pem', ...pair })).toEqual([])
  })

  test('and is shown none: it is said that it refused us, and what to name', async () => {
    expect(await defects(await serve({ asksClients: true }), { ca: 'vendor.pem' })).toMatchObject([
      { code: 'tls-refused', cure: expect.stringContaining('`tls.cert` and `tls.key`') as string },
    ])
  })
})

test('a file that could not be read is read again', async () => {
  const url = await serve()
  const ca = join(folder, 'later.pem')
  const source = vendorSource({ url }, { tls: { ca, cert: null, key: null, verify: true } })
  const { signal } = new AbortController()
  expect(await source.preflight(signal)).toMatchObject([{ code: 'tls-file-unreadable' }])
  await writeFile(ca, authority.cert)
  expect(await source.preflight(signal)).toEqual([])
  await source.close()
})

test('our certificate is shown to the API and to who gives its tokens, not to where the API redirects', async () => {
  const shown: [where: string, subject: unknown][] = []
  const note = (where: string, request: IncomingMessage): void => {
    if (!(request.socket instanceof TLSSocket)) throw new Error('it does not speak TLS')
    const { subject } = request.socket.getPeerCertificate() as Partial<PeerCertificate>
    shown.push([where, subject?.CN])
  }
  const elsewhere = await serve({
    answer: (request, response) => {
      note('elsewhere', request)
      response.end('{"total_pages":1,"users":[]}')
    },
  })
  const tokens = await serve({
    answer: (request, response) => {
      note('tokens', request)
      response.end('{"access_token":"t"}')
    },
  })
  const url = await serve({
    answer: (request, response) => {
      note('api', request)
      response.writeHead(307, { location: elsewhere }).end()
    },
  })
  const auth = { kind: 'oauth', tokenUrl: tokens, clientId: 'me', clientSecret: 'x', scope: null } as const
  const tls = { ca: 'vendor.pem', cert: 'client.pem', key: 'client.key' }
  expect(await defects(url, tls, { auth, redirectHosts: [new URL(elsewhere).host] })).toEqual([])
  expect(shown).toEqual([
    ['tokens', 'a client'],
    ['api', 'a client'],
    ['elsewhere', undefined],
  ])
})

describe('a file of `tls`', () => {
  test.each([
    ['that is not there', { ca: 'nowhere.pem' }, 'tls-file-unreadable'],
    ['that is no certificate', { ca: 'no-certificate.pem' }, 'tls-file-invalid'],
    ['whose key belongs to another certificate', { cert: 'us.pem', key: 'client.key' }, 'tls-file-invalid'],
  ])('%s is named before anything is asked', async (_, tls, code) => {
    expect(await defects(await serve(), tls)).toMatchObject([{ code, severity: 'fatal' }])
  })
})
