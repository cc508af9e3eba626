import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate } from 'node:zlib'
import { Agent, ProxyAgent, type Dispatcher } from 'undici'
import { readPemFiles, type TlsOptions } from '../runtime/tls-files.ts'

export interface FetchRequest {
  readonly url: URL
  /** GET unless told. */
  readonly method?: 'GET' | 'POST'
  readonly body?: string
  readonly headers: Readonly<Record<string, string>>
  readonly signal: AbortSignal
  readonly timeoutMs: number
  readonly maxBodyBytes: number
}

export interface FetchResponse {
  readonly status: number
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>
  /** Decompressed. */
  readonly body: Buffer
}

/** One request, no retry, no redirect; fails with whatever the network failed with. */
export interface Fetcher {
  fetch(request: FetchRequest): Promise<FetchResponse>
  close(): Promise<void>
}

export class BodyTooLarge extends Error {}
export class DeadlineExceeded extends Error {}

export interface FetcherOptions {
  /** To one origin at a time. */
  readonly connections: number
  readonly tls: TlsOptions | null
  /** Origins that are shown the client's certificate; to others a redirect may lead. */
  readonly known: readonly string[]
  /** Its user and password go to the proxy only. */
  readonly proxy: string | null
}

/** Keep-alive connections. The files of `tls` are read when the first request is made. */
export function createFetcher(options: FetcherOptions): Fetcher {
  const dispatchers = { known: lazily(() => open(options)), other: lazily(() => open(withoutProof(options))) }
  return {
    async fetch(request) {
      const deadline = new AbortController()
      const abort = (): void => {
        deadline.abort(request.signal.reason)
      }
      request.signal.throwIfAborted()
      request.signal.addEventListener('abort', abort, { once: true })
      const timer = setTimeout(() => {
        deadline.abort(new DeadlineExceeded(`no complete answer within ${request.timeoutMs} ms`))
      }, request.timeoutMs)
      try {
        const isKnown = options.known.includes(request.url.origin)
        const dispatcher = await dispatchers[isKnown ? 'known' : 'other'].get()
        return await exchange(dispatcher, request, deadline.signal)
      } catch (error) {
        // undici may hide the reason behind an error of its own.
        throw deadline.signal.aborted ? deadline.signal.reason : error
      } finally {
        clearTimeout(timer)
        request.signal.removeEventListener('abort', abort)
      }
    },
    close: async () => {
      for (const dispatcher of Object.values(dispatchers)) {
        await (await dispatcher.made?.catch(() => null))?.destroy()
      }
    },
  }
}

interface Lazy<T> {
  /** What was made, if it was. */
  readonly made: Promise<T> | null
  get(): Promise<T>
}

function lazily<T>(make: () => Promise<T>): Lazy<T> {
  let made: Promise<T> | null = null
  return {
    get made() {
      return made
    },
    get: () => {
      // What failed may be mended by the next time: a file that was not there, for instance.
      made ??= make().catch((error: unknown) => {
        made = null
        throw error
      })
      return made
    },
  }
}

/** Whom else we trust stays the same: only who we are is not shown. */
function withoutProof({ tls, ...options }: FetcherOptions): FetcherOptions {
  return { ...options, tls: tls && { ...tls, cert: null, key: null } }
}

async function open({ connections, tls, proxy }: FetcherOptions): Promise<Dispatcher> {
  const pem = tls === null ? {} : { rejectUnauthorized: tls.verify, ...(await readPemFiles(tls)) }
  const settings = { connections, pipelining: 1, keepAliveTimeout: 10_000 }
  if (proxy === null) return new Agent({ ...settings, connect: pem })
  const { username, password, origin } = new URL(proxy)
  const token = `Basic ${Buffer.from([username, password].map(decodeURIComponent).join(':')).toString('base64')}`
  const credentials = username === '' && password === '' ? {} : { token }
  // Through a tunnel always: a proxy must not read what it carries.
  return new ProxyAgent({ ...settings, uri: origin, requestTls: pem, proxyTunnel: true, ...credentials })
}

async function exchange(
  dispatcher: Dispatcher,
  request: FetchRequest,
  signal: AbortSignal,
): Promise<FetchResponse> {
  const { url, timeoutMs, maxBodyBytes, method = 'GET', body: sent } = request
  const answer = await dispatcher.request({
    origin: url.origin,
    method,
    ...(sent === undefined ? {} : { body: sent }),
    path: url.pathname + url.search,
    headers: request.headers,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    signal,
  })
  const headers = Object.fromEntries(
    Object.entries(answer.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(', ') : (value ?? ''),
    ]),
  )
  const chunks: Buffer[] = []
  let bytes = Number(headers['content-length'] ?? 0)
  try {
    if (bytes > maxBodyBytes) throw new BodyTooLarge(`${sizeText(bytes)} are announced`)
    bytes = 0
    for await (const chunk of answer.body) {
      bytes += (chunk as Buffer).length
      if (bytes > maxBodyBytes) throw new BodyTooLarge(`more than ${sizeText(maxBodyBytes)} were sent`)
      chunks.push(chunk as Buffer)
    }
  } finally {
    // Without this a refused body would keep its connection.
    if (!answer.body.readableEnded) answer.body.on('error', () => undefined).destroy()
  }
  const body = await decompress(
    Buffer.concat(chunks),
    headers['content-encoding'] ?? 'identity',
    maxBodyBytes,
  )
  return { status: answer.statusCode, headers, body }
}

/** What `decompress` understands, for `Accept-Encoding`. */
export const acceptedEncodings = 'gzip, deflate, br'

const decoders = {
  gzip: promisify(gunzip),
  'x-gzip': promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
}

async function decompress(body: Buffer, encoding: string, maxBodyBytes: number): Promise<Buffer> {
  const name = encoding.trim().toLowerCase()
  if (name === 'identity' || name === '' || body.length === 0) return body
  if (!Object.hasOwn(decoders, name)) throw new Error(`the content encoding "${name}" was not asked for`)
  try {
    return await decoders[name as keyof typeof decoders](body, { maxOutputLength: maxBodyBytes })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_BUFFER_TOO_LARGE') throw error
    throw new BodyTooLarge(`${sizeText(body.length)} decompress to more than ${sizeText(maxBodyBytes)}`)
  }
}

function sizeText(bytes: number): string {
  const mebibytes = bytes / 2 ** 20
  return mebibytes >= 1 ? `${Math.round(mebibytes * 10) / 10} MiB` : `${bytes} bytes`
}
