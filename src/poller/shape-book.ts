import type { Ledger, LedgerEntry } from '../changes/ledger.ts'
import type { Logger } from '../runtime/logger.ts'
import type { PageSchema } from './page-schema.ts'
import { enoughRecords, learnShape, PageShape, type KnownShape } from './page-shape.ts'
import { digestOf } from './source-book.ts'

export interface ShapeBookOptions {
  /** Of the source, for messages. */
  readonly name: string
  readonly schema: PageSchema
  /** The share of a page's records whose shape may change at once. */
  readonly maxDriftShare: number
  readonly log: Logger
}

interface ShapeLine extends KnownShape {
  /** Under which it was seen: another one looks at other members, or takes them for other types. */
  readonly declaration: string
  /** Whether everything was read once since then. */
  readonly whole: boolean
}

const key = 'shape'

/** How the records of a source look, as far as was seen under its present declaration. A resync changes nothing of it. */
export class ShapeBook {
  readonly #options: ShapeBookOptions
  #line: ShapeLine
  /** Small pages of which nothing was learnt yet. */
  #small = new PageShape()
  #hasLearnt = false

  private constructor(options: ShapeBookOptions, line: ShapeLine) {
    this.#options = options
    this.#line = line
  }

  static async load(ledger: Ledger, options: ShapeBookOptions): Promise<ShapeBook> {
    const declaration = digestOf(options.schema.fingerprint)
    const stored = ((await ledger.get(key)) ?? null) as ShapeLine | null
    const line = stored?.declaration === declaration ? stored : null
    return new ShapeBook(options, line ?? { declaration, whole: false, ...nothingSeen })
  }

  /** Throws `schema-drift` when too many records of the page are of another shape than any page had before. */
  learn(page: number, shape: PageShape): LedgerEntry[] {
    const { name, log, maxDriftShare: maxShare } = this.#options
    const { whole: judges, ...before } = this.#line
    const where = `source ${name}: page ${page}`
    const from = this.#enough(shape)
    const { known, fresh } = learnShape(before, shape, { where, maxShare, judges, from })
    if (fresh.length > 0) {
      log.warn({ members: fresh }, `source ${name}: records have new members that no column takes`)
    }
    return this.#set({ ...this.#line, ...known })
  }

  /** Everything was read once: from now on pages are judged. */
  complete(): LedgerEntry[] {
    if (this.#line.whole) return []
    const { whole: judges, ...before } = this.#line
    // Of so few records in all that they never were enough.
    const from = this.#hasLearnt ? null : this.#small
    const { known } = learnShape(before, new PageShape(), { where: '', maxShare: 1, judges, from })
    return this.#set({ ...this.#line, ...known, whole: true })
  }

  /** Small pages together, as soon as they have records enough to tell shares; null before. */
  #enough(shape: PageShape): PageShape | null {
    let from = shape
    if (shape.records < enoughRecords) {
      this.#small.add(shape)
      if (this.#small.records < enoughRecords) return null
      from = this.#small
      this.#small = new PageShape()
    }
    this.#hasLearnt = true
    return from
  }

  #set(line: ShapeLine): LedgerEntry[] {
    const isSame = (Object.keys(line) as (keyof ShapeLine)[]).every((part) => line[part] === this.#line[part])
    this.#line = line
    return isSame ? [] : [{ key, value: { ...line } }]
  }
}

const nothingSeen: KnownShape = { missing: {}, retyped: {}, unknown: [] }
