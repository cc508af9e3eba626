import { OperatorError, StoppingError, TransientError, type SynclineError } from '../runtime/errors.ts'
import { retry } from '../runtime/retry.ts'
import { failureOf, statusFailure } from './http-errors.ts'
import { acceptedEncodings, createFetcher, type Fetcher, type FetchResponse } from './http-fetcher.ts'
import type { HttpSourceOptions } from './options.ts'
import { isAddressable, nextLink, pageAddress, type PageHint } from './paging.ts'
import type { RequestBudget } from './request-budget.ts'
import { UnreadablePage } from './unreadable-page.ts'

const maxRedirects = 3
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

/** Asks for pages by number, with retries, limits and errors that say which page and what to do. */
export class PageClient {
  readonly #options: HttpSourceOptions
  readonly #url: URL
  readonly #headers: Readonly<Record<string, string>>
  readonly #fetcher: Fetcher
  readonly #budget: RequestBudget
  /** Once one page had the agreed shape, another shape is a hiccup of the API and no wrong setting. */
  #agreed = false
  #heardAt: number | null = null

  constructor(options: HttpSourceOptions, budget: RequestBudget) {
    this.#options = options
    this.#budget = budget
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
    if (mayBeMissing && (response.status === 404 || response.status === 410)) return null
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
      })
      this.#agreed = true
      return result
    } catch (error) {
      if (error instanceof UnreadablePage) throw this.#unreadable(error, this.#where(page, hint), response)
      throw error
    }
  }

  async #follow<T>({ page, hint, known, signal }: PageRequest<T>): Promise<FetchResponse> {
    let url = pageAddress(this.#url, this.#options.page, page, hint)
    const headers = { ...this.#headers, ...conditions(known?.validators) }
    for (let redirects = 0; ; redirects++) {
      await this.#budget.pass(signal)
      const { timeoutMs, maxBodyBytes } = this.#options
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
        message: `${this.#where(page, hint)} redirects ${target?.origin === this.#url.origin ? 'for ever' : `to ${target?.origin ?? 'nowhere'}`}`,
        hint: 'Set the URL of the source to where the pages really are.',
      })
    }
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

/** Weak or strong, a validator is sent back as it came. */
function conditions(validators: Validators | undefined): Readonly<Record<string, string>> {
  if (validators === undefined) return {}
  const { etag, lastModified } = validators
  if (etag !== null) return { 'if-none-match': etag }
  return lastModified === null ? {} : { 'if-modified-since': lastModified }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    // A password with a bare percent sign is meant as it stands.
    return part
  }
}
