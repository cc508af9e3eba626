import type { Clock } from '../runtime/clock.ts'
import { OperatorError } from '../runtime/errors.ts'
import type { GatedFetcher } from './gated-fetcher.ts'
import { failureOf, statusFailure } from './http-errors.ts'

/** How we prove who we are. */
export type Auth =
  | { readonly kind: 'bearer'; readonly token: string }
  | { readonly kind: 'basic'; readonly user: string; readonly password: string }
  /** OAuth 2.0 client credentials (RFC 6749, 4.4), the client named by HTTP basic authentication. */
  | {
      readonly kind: 'oauth'
      readonly tokenUrl: string
      readonly clientId: string
      readonly clientSecret: string
      readonly scope: string | null
    }

export interface CredentialsOptions {
  /** For messages. */
  readonly name: string
  readonly auth: Auth | null
  readonly fetcher: GatedFetcher
  readonly timeoutMs: number
  readonly clock: Clock
}

/** A token is renewed so long before it ends, or after half its life if that is short. */
const renewMs = 60_000

/** Of a token whose life is not told. */
const assumedLifeMs = 3_600_000

const largestAnswer = 1024 * 1024

/** Gives the `Authorization` header of requests, and gets and renews the token that it takes. */
export class Credentials {
  readonly #options: CredentialsOptions
  #token: { readonly text: string; readonly renewAt: number } | null = null
  /** The request that is under way: many may wait for one token. */
  #asking: Promise<string> | null = null

  constructor(options: CredentialsOptions) {
    this.#options = options
  }

  async header(signal: AbortSignal): Promise<{ readonly authorization?: string }> {
    const { auth } = this.#options
    if (auth === null) return {}
    if (auth.kind === 'bearer') return { authorization: `Bearer ${auth.token}` }
    if (auth.kind === 'basic') return { authorization: basic(auth.user, auth.password) }
    return { authorization: `Bearer ${await this.#current(signal)}` }
  }

  /** What was sent was refused. Returns whether another token may help; by now there may be one already. */
  refused(authorization: string | undefined): boolean {
    if (authorization === undefined || this.#options.auth?.kind !== 'oauth') return false
    if (this.#token !== null && authorization === `Bearer ${this.#token.text}`) this.#token = null
    return true
  }

  async #current(signal: AbortSignal): Promise<string> {
    const now = this.#options.clock.now()
    if (this.#token !== null && this.#token.renewAt > now) return this.#token.text
    this.#asking ??= this.#ask(signal).finally(() => {
      this.#asking = null
    })
    return this.#asking
  }

  async #ask(signal: AbortSignal): Promise<string> {
    const { name, auth, fetcher, timeoutMs, clock } = this.#options
    if (auth?.kind !== 'oauth') throw new Error('only OAuth has tokens')
    const url = new URL(auth.tokenUrl)
    const where = `source ${name}: the token of ${url.origin}${url.pathname}`
    const form = new URLSearchParams({ grant_type: 'client_credentials' })
    if (auth.scope !== null) form.set('scope', auth.scope)
    const response = await fetcher
      .fetch({
        url,
        method: 'POST',
        body: form.toString(),
        headers: {
          accept: 'application/json',
          'content-type': 'application/x-www-form-urlencoded',
          authorization: basic(formEncoded(auth.clientId), formEncoded(auth.clientSecret)),
        },
        maxBodyBytes: largestAnswer,
        ...{ signal, timeoutMs, where },
      })
      .catch((error: unknown) => {
        throw signal.aborted ? error : failureOf(error, where)
      })
    const failure = response.status === 400 ? refusal(where) : statusFailure(response, where, clock.now())
    if (failure !== null) throw failure
    const { text, lifeMs } = readToken(response.body, where)
    this.#token = { text, renewAt: clock.now() + lifeMs - Math.min(renewMs, lifeMs / 2) }
    return text
  }
}

function readToken(body: Buffer, where: string): { text: string; lifeMs: number } {
  const answer = parsed(body)
  if (typeof answer?.access_token !== 'string') {
    throw new OperatorError({
      code: 'token-unreadable',
      area: 'configuration',
      message: `${where} is not in the answer`,
      hint: 'Check `auth.oauth.tokenUrl`: it should answer JSON with `access_token`.',
    })
  }
  const seconds = Number(answer.expires_in ?? NaN)
  return { text: answer.access_token, lifeMs: seconds > 0 ? seconds * 1000 : assumedLifeMs }
}

interface TokenAnswer {
  readonly access_token?: unknown
  readonly expires_in?: unknown
}

function parsed(body: Buffer): TokenAnswer | null {
  try {
    return JSON.parse(body.toString('utf8')) as TokenAnswer | null
  } catch {
    return null
  }
}

/** RFC 6749, 5.2: a wrong client, grant or scope is answered with 400. */
function refusal(where: string): OperatorError {
  return new OperatorError({
    code: 'access-denied',
    area: 'permission',
    message: `${where} was refused with status 400`,
    hint: 'Check the client, its secret and the scope in `auth.oauth` of the source.',
  })
}

export function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
}

/** RFC 6749, 2.3.1: form-encoded before it is joined. */
function formEncoded(text: string): string {
  return new URLSearchParams({ x: text }).toString().slice(2)
}
