import type { Json, Ledger, LedgerEntry } from '../changes/ledger.ts'
import type { Logger } from '../runtime/logger.ts'
import type { PageSchema } from './page-schema.ts'
import { enoughRecords, judgeShape, learnShape, PageShape, type KnownShape } from './page-shape.ts'
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
  /** The pages of late, if any of them differed; they are judged together, by what was known before them. */
  readonly late: LatePages | null
}

/** A page that is read again counts once. */
interface LatePages extends Pick<KnownShape, 'missing' | 'retyped'> {
  /** Under which they were taken in: who changes it has decided about them. */
  readonly maxShare: number
  readonly pages: Readonly<Record<string, LatePage>>
}

interface LatePage {
  readonly records: number
  /** By column, how many of its records. */
  readonly missing: Readonly<Record<string, number>>
  readonly retyped: Readonly<Record<string, number>>
}

const key = 'shape'

/** So many records are judged together: a column that a few records of each page lose is lost all the same. */
const lateRecords = 1_000

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
    const stored = ((await ledger.get(key)) ?? null) as
      (Omit<ShapeLine, 'late'> & Partial<Pick<ShapeLine, 'late'>>) | null
    // A line of an earlier release knows of no pages of late.
    const line = stored?.declaration === declaration ? { ...stored, late: stored.late ?? null } : null
    return new ShapeBook(options, line ?? { declaration, whole: false, late: null, ...nothingSeen })
  }

  /** Throws `schema-drift` when too many records, of the page or of those of late, are of another shape than any page had before. */
  learn(page: number, shape: PageShape): LedgerEntry[] {
    const { name, log } = this.#options
    const late = this.#line.whole ? this.#judge(page, shape) : null
    const { known, fresh } = learnShape(this.#line, shape, this.#enough(shape))
    if (fresh.length > 0 && this.#line.whole) {
      log.warn({ members: fresh }, `source ${name}: records have new members that no column takes`)
    }
    return this.#set({ ...this.#line, ...known, late })
  }

  /** Everything was read once: from now on pages are judged. */
  complete(): LedgerEntry[] {
    if (this.#line.whole) return []
    // Of so few records in all that they never were enough.
    const { known } = learnShape(this.#line, new PageShape(), this.#hasLearnt ? null : this.#small)
    return this.#set({ ...this.#line, ...known, whole: true })
  }

  /** Returns the pages of late with this one; null when they are enough, or none of them differed. */
  #judge(page: number, shape: PageShape): LatePages | null {
    const { name, maxDriftShare: maxShare } = this.#options
    const late = this.#line.late?.maxShare === maxShare ? this.#line.late : null
    const { missing, retyped } = late ?? this.#line
    const where = `source ${name}: page ${page}`
    judgeShape({ missing, retyped }, shape, { where, maxShare })
    const pages = { ...late?.pages, [page]: latePage(shape) }
    const all = together(Object.values(pages))
    judgeShape({ missing, retyped }, all, { where: `${where} and those read before it`, maxShare })
    if (all.missing.size + all.retyped.size === 0) return null
    if (all.records < lateRecords) return { missing, retyped, maxShare, pages }
    this.#tellRaised({ missing, retyped }, all)
    return null
  }

  /** What is little enough to be taken in is no secret all the same. */
  #tellRaised(before: Pick<KnownShape, 'missing' | 'retyped'>, { records, ...late }: PageShape): void {
    const { name, log } = this.#options
    for (const what of ['missing', 'retyped'] as const) {
      for (const [column, count] of late[what]) {
        if (count / records <= (before[what][column] ?? 0) / 1000) continue
        const differ = what === 'missing' ? 'lack' : 'have another type in'
        log.warn(
          { column, count, records },
          `source ${name}: ${count} of ${records} records read of late ${differ} the column ${column}, a larger share than on any page before`,
        )
      }
    }
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
    return isSame ? [] : [{ key, value: { ...line } as Json }]
  }
}

const latePage = ({ records, missing, retyped }: PageShape): LatePage => ({
  records,
  missing: Object.fromEntries(missing),
  retyped: Object.fromEntries(retyped),
})

function together(pages: readonly LatePage[]): PageShape {
  const all = new PageShape()
  for (const { records, missing, retyped } of pages) {
    const page = new PageShape()
    page.records = records
    for (const [column, count] of Object.entries(missing)) page.missing.set(column, count)
    for (const [column, count] of Object.entries(retyped)) page.retyped.set(column, count)
    all.add(page)
  }
  return all
}

const nothingSeen: KnownShape = { missing: {}, retyped: {}, unknown: [] }
