import { OperatorError, StoppingError, TransientError, type SynclineError } from '../runtime/errors.ts'
import { retry } from '../runtime/retry.ts'
import { ToldCodes } from '../runtime/told-codes.ts'
import { version } from '../runtime/version.ts'
import { failureOf, statusFailure } from './http-errors.ts'
import { Credentials } from './credentials.ts'
import { GatedFetcher } from './gated-fetcher.ts'
import { acceptedEncodings, createFetcher, type FetchResponse } from './http-fetcher.ts'
import type { HttpSourceOptions } from './options.ts'
import { isAddressable, nextLink, pageAddress, type PageHint } from './paging.ts'
import type { RequestGate } from './request-gate.ts'
import { UnreadablePage } from './unreadable-page.ts'

const maxRedirects = 3
const notThere = [404, 410]
/** How APIs refuse a cursor that has expired. */
const notUnderstood = [400, 422]
const maxRetryAfterMs = 120_000

/** What an API says of the version of a page that it sends; they are sent back to ask whether it still is that. */
export interface Validators {
  readonly etag: string | null
  readonly lastModified: string | null
}

export interface PageAnswer extends Validators {
  readonly body: Buffer
  /** The next page by the `Link` header, or null. */
  readonly link: string | null
  /** When it was sent by the clock of the server, in milliseconds since the epoch, or null. */
  readonly sentAt: number | null
}

export interface PageRequest<T> {
  /** 1 is the first page, whatever number the API gives it. */
  readonly page: number
  readonly hint: PageHint
  /** Makes something of the answer; what it throws as `UnreadablePage` is tried again. */
  readonly read: (answer: PageAnswer) => T
  /** The page as it is known: asked for only if it is another one by now. */
  readonly known: { readonly validators: Validators; readonly unchanged: () => T } | null
  readonly signal: AbortSignal
  /** Whether "not found" just means that there are no more pages; the answer is null then. */
  readonly mayBeMissing: boolean
}

interface Exchange extends Pick<PageRequest<unknown>, 'known' | 'signal'> {
  readonly where: string
}

/** Asks for pages by number, with retries, limits and errors that say which page and what to do. */
export class PageClient {
  readonly #options: HttpSourceOptions
  readonly #url: URL
  readonly #headers: Readonly<Record<string, string>>
  readonly #fetcher: GatedFetcher
  readonly #credentials: Credentials
  readonly #told = new ToldCodes()
  /** Once one page had the agreed shape, another shape is a hiccup of the API and no wrong setting. */
  #agreed = false
  #heardAt: number | null = null

  constructor(options: HttpSourceOptions, gate: RequestGate) {
    this.#options = options
    this.#url = new URL(options.url)
    const { auth = null, userAgent, concurrency, tls = null, proxy = null, name, timeoutMs, clock } = options
    const [user = '', password = ''] = [this.#url.username, this.#url.password].map(decoded)
    this.#url.username = this.#url.password = ''
    const own = user === '' && password === '' ? null : ({ kind: 'basic', user, password } as const)
    this.#headers = {
      accept: 'application/json',
      'accept-encoding': acceptedEncodings,
      'user-agent': userAgent ?? `syncline/${version} (one-way sync of a paged API into Postgres)`,
      ...Object.fromEntries(
        Object.entries(options.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]),
      ),
    }
    const known = [this.#url.origin, ...(auth?.kind === 'oauth' ? [new URL(auth.tokenUrl).origin] : [])]
    const network = options.fetcher ?? createFetcher({ connections: concurrency, tls, proxy, known })
    const fetcher = new GatedFetcher(network, gate)
    this.#fetcher = fetcher
    this.#credentials = new Credentials({ name, auth: auth ?? own, fetcher, timeoutMs, clock })
  }

  async fetchPage<T>(request: PageRequest<T>): Promise<T | null> {
    const { clock, log, retry: policy, random } = this.#options
    const { page, hint, signal } = request
    const work = async (): Promise<{ result: T | null } | { impatient: SynclineError }> => {
      try {
        return { result: await this.#attempt(request) }
      } catch (error) {
        if (signal.aborted) throw new StoppingError()
        const failure = failureOf(error, this.#where(page, hint))
        if (this.#isTooLong(failure)) return { impatient: failure }
        throw failure
      }
    }
    const onRetry = (error: TransientError, attempt: number, waitMs: number): void => {
      // One request in a hundred that fails would else fill the log.
      const level = this.#told.isNews(error.code, clock.now()) ? 'warn' : 'debug'
      log[level]({ code: error.code, page, attempt: attempt + 1, waitMs: Math.round(waitMs) }, error.message)
    }
    const settings = { policy, clock, signal, onRetry, ...(random === undefined ? {} : { random }) }
    const outcome = await retry(work, settings).catch((error: unknown) => {
      throw signal.aborted ? new StoppingError() : this.#exhausted(error)
    })
    if ('impatient' in outcome) throw outcome.impatient
    return outcome.result
  }

  /** For a page that the API announced and does not have. */
  notFound(page: number): OperatorError {
    return new OperatorError({
      code: 'page-not-found',
      area: 'server',
      message: `${this.#where(page, { size: null, next: null })} is announced by the API but does not exist (status 404)`,
      hint: 'Tell the operator of the API, and run again later: pages that were read are kept.',
    })
  }

  /** Where the pages are, without credentials. */
  get base(): URL {
    return this.#url
  }

  /** When the API last answered anything, in milliseconds since the epoch. */
  get heardAt(): number | null {
    return this.#heardAt
  }

  close(): Promise<void> {
    return this.#fetcher.close()
  }

  /** A wait longer than a sweep should be held up belongs to whoever opens the source again. */
  #isTooLong(error: SynclineError): boolean {
    const limit = this.#options.maxRetryAfterMs ?? maxRetryAfterMs
    return error instanceof TransientError && (error.retryAfterMs ?? 0) > limit
  }

  #exhausted(error: unknown): unknown {
    const { attempts } = this.#options.retry
    if (!(error instanceof TransientError) || attempts === 1) return error
    return new TransientError({
      code: error.code,
      message: `${error.message}; given up after ${attempts} attempts`,
      cause: error,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
    })
  }

  /** Other query parameters may be secrets and are left out; of a cursor only its page is told. */
  #where(page: number, hint: PageHint): string {
    const shown = new URL(this.#url.origin + this.#url.pathname)
    const { page: paging } = this.#options
    const address = isAddressable(paging) ? pageAddress(shown, paging, page, hint) : shown
    return `source ${this.#options.name}: page ${page} (${address.href})`
  }

  async #attempt<T>(request: PageRequest<T>): Promise<T | null> {
    const { page, hint, read, known, mayBeMissing } = request
    const response = await this.#follow(request)
    this.#heardAt = this.#options.clock.now()
    const missing = hint.isRecalled === true ? [...notThere, ...notUnderstood] : notThere
    if (mayBeMissing && missing.includes(response.status)) return null
    if (known !== null && response.status === 304) return known.unchanged()
    const failure = statusFailure(response, this.#where(page, hint), this.#options.clock.now())
    if (failure !== null) throw failure
    const { headers, body } = response
    try {
      const result = read({
        body,
        etag: headers['etag'] ?? null,
        lastModified: headers['last-modified'] ?? null,
        link: this.#options.page.by === 'link-header' ? nextLink(headers['link']) : null,
        sentAt: timeOfHeader(headers['date']),
      })
      this.#agreed = true
      return result
    } catch (error) {
      if (error instanceof UnreadablePage) throw this.#unreadable(error, this.#where(page, hint), response)
      throw error
    }
  }

  /** The answer, after redirects. */
  async #follow<T>({ page, hint, known, signal }: PageRequest<T>): Promise<FetchResponse> {
    let url = pageAddress(this.#url, this.#options.page, page, hint)
    const where = this.#where(page, hint)
    for (let redirects = 0; ; redirects++) {
      const response = await this.#exchange(url, { known, signal, where })
      const location = response.headers['location']
      if (![301, 302, 303, 307, 308].includes(response.status) || location === undefined) return response
      const target = URL.canParse(location, url.href) ? new URL(location, url) : null
      if (target === null || redirects >= maxRedirects || !this.#mayGoTo(target)) {
        throw redirected(where, target, this.#url)
      }
      url = target
    }
  }

  #mayGoTo({ origin, host }: URL): boolean {
    return origin === this.#url.origin || (this.#options.redirectHosts ?? []).includes(host)
  }

  /** The answer and, if a token was refused before its time, that to another one. */
  async #exchange(url: URL, request: Exchange): Promise<FetchResponse> {
    const isOurs = url.origin === this.#url.origin
    if (!isOurs) return this.#send(url, request, null)
    const proof = await this.#authorization(request.signal)
    const response = await this.#send(url, request, proof)
    if (response.status !== 401 || !this.#credentials.refused(proof.authorization)) return response
    return this.#send(url, request, await this.#authorization(request.signal))
  }

  /** `proof`: null for another host: what proves who we are, and any header of the operator may be that, is not for it. */
  #send(
    url: URL,
    { known, signal, where }: Exchange,
    proof: Readonly<Record<string, string>> | null,
  ): Promise<FetchResponse> {
    const { timeoutMs, maxBodyBytes } = this.#options
    const headers =
      proof !== null
        ? { ...this.#headers, ...proof, ...conditions(known?.validators) }
        : Object.fromEntries(Object.entries(this.#headers).filter(([name]) => harmless.has(name)))
    return this.#fetcher.fetch({ url, headers, signal, where, timeoutMs, maxBodyBytes })
  }

  /** A header of the operator's own comes before what we would say. */
  async #authorization(signal: AbortSignal): Promise<{ readonly authorization?: string }> {
    return 'authorization' in this.#headers ? {} : this.#credentials.header(signal)
  }

  #unreadable(error: UnreadablePage, where: string, { headers, body }: FetchResponse): SynclineError {
    const type = (headers['content-type'] ?? 'no type').slice(0, 60)
    const message = `${where} ${error.message} (${type}, ${body.length} bytes)`
    const { code } = error
    if (code === 'not-json' || this.#agreed) {
      const hint =
        error.hint ??
        'Ask for the page with curl: behind the API a proxy or login page may answer, or it breaks off.'
      return new TransientError({ code, message, hint })
    }
    const hint =
      error.hint ??
      'Ask for the page with curl and compare it with the JSON pointers of the source: `records`, `totalPages`.'
    return new OperatorError({ code, area: 'configuration', message, hint })
  }
}

/** What says nothing of us but our name. */
const harmless = new Set(['accept', 'accept-encoding', 'accept-language', 'user-agent'])

function redirected(where: string, target: URL | null, base: URL): OperatorError {
  const isHere = target?.origin === base.origin
  return new OperatorError({
    code: 'redirected',
    area: 'configuration',
    message: `${where} redirects ${isHere ? 'for ever' : `to ${target?.origin ?? 'nowhere'}`}`,
    hint: 'Set the URL of the source to where the pages really are, or allow the other host in `redirectHosts`.',
  })
}

/** Weak or strong, a validator is sent back as it came. */
function conditions(validators: Validators | undefined): Readonly<Record<string, string>> {
  if (validators === undefined) return {}
  const { etag, lastModified } = validators
  if (etag !== null) return { 'if-none-match': etag }
  return lastModified === null ? {} : { 'if-modified-since': lastModified }
}

function timeOfHeader(date: string | undefined): number | null {
  const ms = Date.parse(date ?? '')
  return Number.isNaN(ms) ? null : ms
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    // A password with a bare percent sign is meant as it stands.
    return part
  }
}
