import { OperatorError, StoppingError, TransientError, type SynclineError } from '../runtime/errors.ts'
import { retry } from '../runtime/retry.ts'
import { failureOf, statusFailure } from './http-errors.ts'
import { acceptedEncodings, createFetcher, type Fetcher, type FetchResponse } from './http-fetcher.ts'
import type { HttpSourceOptions } from './options.ts'
import { UnreadablePage } from './unreadable-page.ts'

const maxRedirects = 3
const maxRetryAfterMs = 120_000

export interface PageRequest<T> {
  /** 1 is the first page, whatever number the API gives it. */
  readonly page: number
  /** Makes something of the body; what it throws as `UnreadablePage` is tried again. */
  readonly read: (body: Buffer) => T
  readonly signal: AbortSignal
  /** Whether "not found" just means that there are no more pages; the answer is null then. */
  readonly mayBeMissing: boolean
}

/** Asks for pages by number, with retries, limits and errors that say which page and what to do. */
export class PageClient {
  readonly #options: HttpSourceOptions
  readonly #url: URL
  readonly #headers: Readonly<Record<string, string>>
  readonly #fetcher: Fetcher
  /** Once one page had the agreed shape, another shape is a hiccup of the API and no wrong setting. */
  #agreed = false

  constructor(options: HttpSourceOptions) {
    this.#options = options
    this.#url = new URL(options.url)
    const credentials = [this.#url.username, this.#url.password].map(decoded).join(':')
    this.#url.username = this.#url.password = ''
    this.#headers = {
      accept: 'application/json',
      'accept-encoding': acceptedEncodings,
      'user-agent': 'syncline (one-way sync of a paged API into Postgres)',
      ...(credentials === ':'
        ? {}
        : { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` }),
      ...Object.fromEntries(
        Object.entries(options.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]),
      ),
    }
    this.#fetcher =
      options.fetcher ?? createFetcher({ origin: this.#url.origin, connections: options.concurrency })
  }

  async fetchPage<T>(request: PageRequest<T>): Promise<T | null> {
    const { clock, log, retry: policy, random } = this.#options
    const { page, signal } = request
    const work = async (): Promise<{ result: T | null } | { impatient: SynclineError }> => {
      try {
        return { result: await this.#attempt(request) }
      } catch (error) {
        if (signal.aborted) throw new StoppingError()
        const failure = failureOf(error, this.#where(page))
        if (this.#isTooLong(failure)) return { impatient: failure }
        throw failure
      }
    }
    const onRetry = (error: TransientError, attempt: number, waitMs: number): void => {
      log.warn({ code: error.code, page, attempt: attempt + 1, waitMs: Math.round(waitMs) }, error.message)
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
      message: `${this.#where(page)} is announced by the API but does not exist (status 404)`,
      hint: 'Tell the operator of the API, and run again later: pages that were read are kept.',
    })
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

  #address(page: number): URL {
    const { param, first } = this.#options.page
    const url = new URL(this.#url)
    url.searchParams.set(param, String(first + page - 1))
    return url
  }

  /** Other query parameters may be secrets and are left out. */
  #where(page: number): string {
    const shown = new URL(this.#url.origin + this.#url.pathname)
    const { param, first } = this.#options.page
    shown.searchParams.set(param, String(first + page - 1))
    return `source ${this.#options.name}: page ${page} (${shown.href})`
  }

  async #attempt<T>({ page, read, signal, mayBeMissing }: PageRequest<T>): Promise<T | null> {
    const response = await this.#follow(page, signal)
    if (mayBeMissing && (response.status === 404 || response.status === 410)) return null
    const failure = statusFailure(response, this.#where(page), this.#options.clock.now())
    if (failure !== null) throw failure
    try {
      const result = read(response.body)
      this.#agreed = true
      return result
    } catch (error) {
      if (error instanceof UnreadablePage) throw this.#unreadable(error, page, response)
      throw error
    }
  }

  async #follow(page: number, signal: AbortSignal): Promise<FetchResponse> {
    let url = this.#address(page)
    for (let redirects = 0; ; redirects++) {
      const { timeoutMs, maxBodyBytes } = this.#options
      const headers = this.#headers
      const response = await this.#fetcher.fetch({ url, headers, signal, timeoutMs, maxBodyBytes })
      const location = response.headers['location']
      if (![301, 302, 303, 307, 308].includes(response.status) || location === undefined) return response
      const target = URL.canParse(location, url.href) ? new URL(location, url) : null
      if (target?.origin === this.#url.origin && redirects < maxRedirects) {
        url = target
        continue
      }
      throw new OperatorError({
        code: 'redirected',
        area: 'configuration',
        message: `${this.#where(page)} redirects ${target?.origin === this.#url.origin ? 'for ever' : `to ${target?.origin ?? 'nowhere'}`}`,
        hint: 'Set the URL of the source to where the pages really are.',
      })
    }
  }

  #unreadable(error: UnreadablePage, page: number, { headers, body }: FetchResponse): SynclineError {
    const type = (headers['content-type'] ?? 'no type').slice(0, 60)
    const message = `${this.#where(page)} ${error.message} (${type}, ${body.length} bytes)`
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

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    // A password with a bare percent sign is meant as it stands.
    return part
  }
}
