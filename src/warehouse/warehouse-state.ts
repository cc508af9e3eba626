import { BugError, type OperatorError } from '../runtime/errors.ts'
import type { Resync } from '../state/streams.ts'
import type { LiveMatch } from './match-plan.ts'
import type { Mirror } from './mirror-table.ts'
import type { ViewFile } from './views.ts'

/** How much one commit takes on itself. */
export interface RematchLimits {
  /** More re-matches than this in one commit are put off to the queue. */
  readonly inlineRecords: number
  /** A joined row with more records than this is re-matched in pieces. */
  readonly inlineFanOut: number
  /** Re-matches per commit while the queue is drained, unless told. */
  readonly drainedRecords: number
  /** The same while no match is live. */
  readonly drainedWhileLoading: number
  /** Records whose fields are held in memory at a time, twice while a version is live. */
  readonly recordsPerPiece: number
}

export const defaultLimits: RematchLimits = {
  inlineRecords: 50_000,
  inlineFanOut: 500,
  drainedRecords: 1_000,
  drainedWhileLoading: 10_000,
  recordsPerPiece: 1_000,
}

interface Contents {
  readonly schema: string
  readonly term: bigint
  readonly matches: readonly LiveMatch[]
  readonly views: readonly ViewFile[]
  /** The operator's sentence about each stream. */
  readonly descriptions: ReadonlyMap<string, string>
  readonly mirrors: ReadonlyMap<string, Mirror>
  readonly resyncs: ReadonlyMap<string, Resync>
  readonly refusals?: ReadonlyMap<string, OperatorError>
  readonly openLetters: ReadonlySet<string>
  /** Numbers of the model versions that every commit follows. */
  readonly live: ReadonlySet<number>
  readonly limits?: RematchLimits
  readonly audited?: ReadonlySet<string>
}

/**
 * What the writer remembers of the committed state, so that a commit need not read it again. A commit works on a
 * draft; only when Postgres has committed is the draft adopted.
 */
export class WarehouseState {
  readonly schema: string
  readonly term: bigint
  readonly views: readonly ViewFile[]
  readonly limits: RematchLimits
  readonly #descriptions: ReadonlyMap<string, string>
  #matches: readonly LiveMatch[]
  #mirrors: Map<string, Mirror>
  #resyncs: Map<string, Resync>
  #refusals: Map<string, OperatorError>
  /** Streams that may have open dead letters. */
  openLetters: Set<string>
  #live: Set<number>
  /** Streams that are being compared with their source since this process began to. */
  audited: Set<string>

  constructor(contents: Contents) {
    this.schema = contents.schema
    this.term = contents.term
    this.views = contents.views
    this.limits = contents.limits ?? defaultLimits
    this.#descriptions = contents.descriptions
    this.#matches = contents.matches
    this.#mirrors = new Map(contents.mirrors)
    this.#resyncs = new Map(contents.resyncs)
    this.#refusals = new Map(contents.refusals)
    this.openLetters = new Set(contents.openLetters)
    this.#live = new Set(contents.live)
    this.audited = new Set(contents.audited)
  }

  /** The versions that follow every commit. */
  get matches(): readonly LiveMatch[] {
    return this.#matches
  }

  /** To be called when the version has been begun. */
  addMatch(match: LiveMatch): void {
    this.#matches = [...this.#matches, match]
  }

  /** To be called when the version has been dropped. */
  removeMatch(model: number): void {
    this.#matches = this.#matches.filter((match) => match.model !== model)
    this.#live.delete(model)
  }

  get mirrors(): ReadonlyMap<string, Mirror> {
    return this.#mirrors
  }

  mirror(stream: string): Mirror {
    const mirror = this.#mirrors.get(stream)
    if (!mirror) {
      throw new BugError({
        code: 'no-schema',
        message: `a change of stream ${stream} came before its schema`,
      })
    }
    return mirror
  }

  setMirror(mirror: Mirror): void {
    this.#mirrors.set(mirror.stream, mirror)
  }

  resync(stream: string): Resync | null {
    return this.#resyncs.get(stream) ?? null
  }

  setResync(stream: string, resync: Resync | null): void {
    if (resync) this.#resyncs.set(stream, resync)
    else this.#resyncs.delete(stream)
  }

  /** Why what vanished from the source of a stream is not deleted, as it was last judged in this process. */
  refusal(stream: string): OperatorError | null {
    return this.#refusals.get(stream) ?? null
  }

  setRefusal(stream: string, refusal: OperatorError | null): void {
    if (refusal) this.#refusals.set(stream, refusal)
    else this.#refusals.delete(stream)
  }

  /**
   * Whether every commit brings the assignment of this version, and the matched table, up to date. A version that is
   * not live is loading: its records, keys and pairs follow every commit, its assignment is made by `publish`.
   */
  isLive(model: number): boolean {
    return this.#live.has(model)
  }

  setLive(model: number, live: boolean): void {
    if (live) this.#live.add(model)
    else this.#live.delete(model)
  }

  describe(stream: string): string {
    return this.#descriptions.get(stream) ?? `Mirror of the stream ${stream}, kept fresh by Syncline.`
  }

  draft(): WarehouseState {
    return new WarehouseState({
      schema: this.schema,
      term: this.term,
      matches: this.matches,
      views: this.views,
      limits: this.limits,
      descriptions: this.#descriptions,
      mirrors: this.#mirrors,
      resyncs: this.#resyncs,
      refusals: this.#refusals,
      openLetters: this.openLetters,
      live: this.#live,
      audited: this.audited,
    })
  }

  adopt(draft: WarehouseState): void {
    this.#matches = draft.#matches
    this.#mirrors = draft.#mirrors
    this.#resyncs = draft.#resyncs
    this.#refusals = draft.#refusals
    this.openLetters = draft.openLetters
    this.#live = draft.#live
    this.audited = draft.audited
  }
}
