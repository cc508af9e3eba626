import type { ChangeBatch } from '../changes/change-batch.ts'
import type { PositionFormat } from '../changes/position.ts'
import type { Defect, OpenOptions, Source, SourceProgress, SourceStatus } from '../changes/source.ts'
import { OperatorError, StoppingError, SynclineError } from '../runtime/errors.ts'
import { HostCircuits } from './circuit.ts'
import type { HttpSourceOptions } from './options.ts'
import { PageClient, type PageAnswer } from './page-client.ts'
import { PageReader } from './page-reader.ts'
import { compilePageSchema, type PageContent, type PageSchema } from './page-schema.ts'
import { RequestGate } from './request-gate.ts'
import { SinceReader } from './since-reader.ts'

export { HostCircuits } from './circuit.ts'
export type { HttpColumn, HttpSourceOptions } from './options.ts'

/** A paged HTTP API as a source of changes. */
export interface HttpSource extends Source {
  /** Records that the last trustworthy sweep lacked and that another one must lack too before they are deleted. */
  pendingDeletions(): number
}

/**
 * Reads all pages; `open()` ends after a sweep that can be trusted, or goes on for ever with `follow`. Contradicting
 * options are an `OperatorError` at once.
 */
export function createHttpSource(options: HttpSourceOptions): HttpSource {
  return new HttpApiSource(options)
}

const defaults = {
  readAheadBytes: 16 * 2 ** 20,
  confirmSweeps: 2,
  maxDeletedShare: 0.2,
  maxPages: 1_000_000,
}

/** Longer waits than this are left to whoever opens the source again. */
const longestWaitMs = 120_000

/** How long a first page that the preflight read may begin a sweep: no page is asked for twice. */
const preflightMs = 60_000

/** What reads the pages, by how the API lists its records. */
interface Reader
  extends Required<Pick<Source, 'progress' | 'status' | 'resync' | 'open'>>, Pick<Source, 'audit'> {
  readonly position: PositionFormat
  pendingDeletions(): number
}

class HttpApiSource implements HttpSource {
  readonly name: string
  readonly streams: readonly string[]
  /** What an API lists that changed lately is no comparison with all that there is. */
  readonly audit?: NonNullable<Source['audit']>
  readonly #options: HttpSourceOptions
  readonly #schema: PageSchema
  readonly #client: PageClient
  readonly #reader: Reader
  #firstPage: { readonly answer: PageAnswer; readonly at: number } | null = null

  constructor(options: HttpSourceOptions) {
    if (!URL.canParse(options.url) || !/^https?:$/.test(new URL(options.url).protocol)) {
      throw new OperatorError({
        code: 'url-invalid',
        area: 'configuration',
        message: `source ${options.name}: the URL is not one of http or https`,
        hint: 'Write it in full, for instance https://vendor.example/api/v1/users.',
      })
    }
    this.#options = options
    this.name = options.name
    this.streams = [options.stream]
    const { clock, requestsPerMinute = null, maxRetryAfterMs: maxWaitMs = longestWaitMs, since } = options
    const { circuits = new HostCircuits() } = options
    const gate = new RequestGate({ clock, circuits, requestsPerMinute, maxWaitMs })
    const settings = { ...defaults, ...options }
    const schema = compilePageSchema(options)
    const client = new PageClient(options, gate)
    this.#schema = schema
    this.#client = client
    this.#reader =
      since == null
        ? new PageReader({
            ...{ settings, schema, client, gate },
            takeFirstPage: () => this.#takeFirstPage(),
          })
        : new SinceReader({ settings, since, schema, client })
    if (this.#reader.audit !== undefined) this.audit = this.#reader.audit.bind(this.#reader)
  }

  get position(): PositionFormat {
    return this.#reader.position
  }

  progress(): readonly SourceProgress[] {
    return this.#reader.progress()
  }

  status(): SourceStatus {
    return this.#reader.status()
  }

  resync(stream: string): void {
    this.#reader.resync(stream)
  }

  keys(): Promise<ReadonlyMap<string, readonly string[]>> {
    return Promise.resolve(new Map([[this.#options.stream, this.#options.key]]))
  }

  pendingDeletions(): number {
    return this.#reader.pendingDeletions()
  }

  open(options: OpenOptions): AsyncIterable<ChangeBatch> {
    return untilAborted(this.#reader.open(options), options.signal)
  }

  close(): Promise<void> {
    return this.#client.close()
  }

  #takeFirstPage(): PageAnswer | null {
    const page = this.#firstPage
    this.#firstPage = null
    return page !== null && this.#options.clock.now() - page.at < preflightMs ? page.answer : null
  }

  async preflight(signal: AbortSignal): Promise<readonly Defect[]> {
    try {
      const read = (answer: PageAnswer): { answer: PageAnswer; content: PageContent } => ({
        answer,
        content: this.#schema.read(answer.body, null),
      })
      const hint = { size: null, next: null }
      const page = await this.#client.fetchPage({
        ...{ page: 1, hint, read, known: null, signal },
        mayBeMissing: false,
      })
      if (page === null) return []
      this.#firstPage = { answer: page.answer, at: this.#options.clock.now() }
      return unreadableRecords(page.content, this.name)
    } catch (error) {
      if (!(error instanceof SynclineError) || error instanceof StoppingError) throw error
      const cure = error.hint ?? 'Ask for the page with curl.'
      return [
        {
          severity: 'fatal',
          code: error.code,
          message: error.message,
          cure,
          cause: error,
        },
      ]
    }
  }
}

/** An abort ends the iteration, whatever it makes fail. */
async function* untilAborted(
  batches: AsyncIterable<ChangeBatch>,
  signal: AbortSignal,
): AsyncGenerator<ChangeBatch> {
  if (signal.aborted) return
  try {
    yield* batches
  } catch (error) {
    // It may have been aborted since it was looked at above.
    if (!(signal as { readonly aborted: boolean }).aborted) throw error
  }
}

function unreadableRecords({ records }: PageContent, name: string): Defect[] {
  const rejected = records.flatMap((record) => record.rejected ?? [])
  const [first] = rejected
  if (first === undefined) return []
  return [
    {
      severity: rejected.length === records.length ? 'fatal' : 'warning',
      code: 'records-unreadable',
      message: `source ${name}: ${rejected.length} of ${records.length} records on the first page cannot be taken in, the first because ${first.reason}`,
      cure: 'Compare the columns of the source, their types and pointers, with a page of the API.',
    },
  ]
}
