import { OperatorError } from '../runtime/errors.ts'

/** How the records of a page differ from what is declared. */
export class PageShape {
  records = 0
  /** Column → records that lack it, and records in which it has another type. */
  readonly missing = new Map<string, number>()
  readonly retyped = new Map<string, number>()
  /** Members that no column takes. */
  readonly unknown = new Set<string>()

  note(what: 'missing' | 'retyped', column: string): void {
    this[what].set(column, (this[what].get(column) ?? 0) + 1)
  }

  /** As one page with the other. */
  add({ records, missing, retyped }: PageShape): void {
    this.records += records
    for (const [column, count] of missing) this.missing.set(column, (this.missing.get(column) ?? 0) + count)
    for (const [column, count] of retyped) this.retyped.set(column, (this.retyped.get(column) ?? 0) + count)
  }
}

/**
 * What was seen on all pages so far: by column the largest share of a page's records, in thousandths. Some
 * columns are sparse, and an order may gather the records that lack one.
 */
export interface KnownShape {
  readonly missing: Readonly<Record<string, number>>
  readonly retyped: Readonly<Record<string, number>>
  readonly unknown: readonly string[]
}

/** The share of a page's records whose shape may change at once, unless told. */
export const defaultDriftShare = 0.2

/** Of so few records one or two may be anything. */
const alwaysTolerated = 3

/** Smaller pages say nothing about shares, unless some are taken together. */
export const enoughRecords = 10

/** Names kept; an API may use data as names of members. */
const maxNames = 100

export interface Judging {
  /** For messages. */
  readonly where: string
  readonly maxShare: number
}

/**
 * Throws when more than the share of the records lack a column, or have it in another type, beyond the share that any
 * page ever had and what chance makes of it: so many change by a mistake or by a new version of the API.
 */
export function judgeShape(
  known: Pick<KnownShape, 'missing' | 'retyped'>,
  shape: PageShape,
  { where, maxShare }: Judging,
): void {
  const { records } = shape
  for (const what of ['missing', 'retyped'] as const) {
    for (const [column, count] of shape[what]) {
      const usual = (known[what][column] ?? 0) / 1000
      // The fewer the records, the more their share varies by itself.
      const chance = 3 * Math.sqrt((usual * (1 - usual)) / records)
      if (count <= alwaysTolerated || count / records <= usual + chance + maxShare) continue
      throw drifted({ where, column, what, count, records, usual, maxShare })
    }
  }
}

/** What is known with these pages, and the members that are new. `from`: of which shares are learnt; null: none yet. */
export function learnShape(
  before: KnownShape,
  page: PageShape,
  from: PageShape | null = page,
): { readonly known: KnownShape; readonly fresh: readonly string[] } {
  const unseen = [...page.unknown].filter((name) => !before.unknown.includes(name))
  const fresh = unseen.slice(0, Math.max(0, maxNames - before.unknown.length))
  return {
    known: {
      missing: raised(before.missing, from?.missing, from?.records),
      retyped: raised(before.retyped, from?.retyped, from?.records),
      unknown: fresh.length === 0 ? before.unknown : [...before.unknown, ...fresh],
    },
    fresh,
  }
}

function raised(
  known: Readonly<Record<string, number>>,
  page: ReadonlyMap<string, number> = new Map(),
  records = 0,
): Readonly<Record<string, number>> {
  const shares = [...page].map(([column, count]) => [column, Math.ceil((count / records) * 1000)] as const)
  const higher = shares.filter(([column, share]) => share > (known[column] ?? 0))
  return higher.length === 0 ? known : { ...known, ...Object.fromEntries(higher) }
}

function drifted(found: {
  where: string
  column: string
  what: 'missing' | 'retyped'
  count: number
  records: number
  usual: number
  maxShare: number
}): OperatorError {
  const { where, column, what, count, records, usual, maxShare } = found
  const percent = Math.round(usual * 1000) / 10
  return new OperatorError({
    code: 'schema-drift',
    area: 'data',
    message:
      `${where}: ${count} of ${records} records ${what === 'missing' ? 'lack' : 'have another type in'} ` +
      `the column ${column}, on no page more than ${percent}% did before; nothing of the page was taken in`,
    hint: `Compare the records with \`columns\` of the source. If it is meant to be so, set \`drift.maxShare\` above the present ${maxShare} for one run.`,
  })
}
