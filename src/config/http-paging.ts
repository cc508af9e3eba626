import { z } from 'zod'
import { msOf } from './duration.ts'
import { duration, jsonPointer, text } from './values.ts'

/** What each way of asking for pages needs, and what it can do without. */
const members = {
  number: { needs: [], takes: ['param', 'first'] },
  offset: { needs: [], takes: ['param', 'first', 'limit', 'limitParam'] },
  cursor: { needs: ['next'], takes: ['param', 'next'] },
  'next-url': { needs: ['next'], takes: ['next'] },
  'link-header': { needs: [], takes: [] },
} as const

export const pageSettings = z
  .strictObject({
    by: z
      .enum(['number', 'offset', 'cursor', 'next-url', 'link-header'])
      .default('number')
      .describe(
        'A page `number`, an `offset` of records, a `cursor` that stands in the page before, or the address of the next page, in the page (`next-url`) or in its `Link` header (`link-header`).',
      ),
    param: text
      .optional()
      .describe(
        'The query parameter of the number, offset or cursor; `page`, `offset`, `cursor` by default.',
      ),
    first: z
      .number()
      .int()
      .min(0)
      .optional()
      .describe('The number of the first page, 1 by default, or its offset, 0 by default.'),
    limit: z.number().int().min(1).max(1_000_000).optional().describe('Records to ask for by offset; 1000.'),
    limitParam: text.optional().describe('The query parameter of `limit`; `limit` by default.'),
    next: jsonPointer.optional().describe('Where in a page the cursor or address of the next one stands.'),
  })
  .superRefine((page, context) => {
    const { needs, takes } = members[page.by]
    const given = Object.keys(page).filter(
      (name) => name !== 'by' && page[name as keyof typeof page] !== undefined,
    )
    for (const name of needs.filter((name) => !given.includes(name))) {
      context.addIssue({ code: 'custom', path: ['by'], message: `needs \`${name}\` beside it` })
    }
    for (const name of given.filter((name) => !(takes as readonly string[]).includes(name))) {
      context.addIssue({ code: 'custom', path: [name], message: `means nothing to \`by: ${page.by}\`` })
    }
  })
  .prefault({})
  .describe('How pages are asked for.')

export type PagingConfig = ReturnType<typeof pagingConfig>

/** With the defaults of its kind: that it is what the source takes is checked where both are wired. */
export function pagingConfig({ by, ...given }: z.output<typeof pageSettings>) {
  const { first, limit = 1000, limitParam = 'limit', next = '' } = given
  switch (by) {
    case 'number':
      return { by, param: given.param ?? 'page', first: first ?? 1 }
    case 'offset':
      return { by, param: given.param ?? 'offset', first: first ?? 0, limit, limitParam }
    case 'cursor':
      return { by, param: given.param ?? 'cursor', next }
    case 'next-url':
      return { by, next }
    case 'link-header':
      return { by }
    default:
      return by satisfies never
  }
}

export const sinceSettings = z
  .strictObject({
    param: text.default('since').describe('The query parameter that says from when on.'),
    updatedAt: jsonPointer.describe('Where in a record the time of its last change stands.'),
    from: text.optional().describe('What is asked for first; left out, the parameter is, too.'),
    overlap: duration
      .default('1m')
      .describe('How much earlier than the newest change to ask again, for clocks that differ.'),
    deleted: jsonPointer
      .optional()
      .describe(
        'Where a record says that it is deleted: anything but null, false, 0 and an empty text there.',
      ),
  })
  .describe(
    'For an API that lists what changed since a time. It tells of deletions by `deleted` or not at all.',
  )

export type SinceConfig = ReturnType<typeof sinceConfig>

export function sinceConfig(settings: z.output<typeof sinceSettings>) {
  const { param, updatedAt, from, overlap, deleted } = settings
  return { param, updatedAt, from: from ?? null, overlapMs: msOf(overlap), deleted: deleted ?? null }
}
