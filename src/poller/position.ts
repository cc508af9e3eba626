import type { Position, PositionFormat, PositionOrder } from '../changes/position.ts'
import { OperatorError } from '../runtime/errors.ts'

/**
 * How far a paged API has been read: the number of the sweep and how many of its pages were taken in, in page
 * order. `{"sweep":4,"page":0}` is the end of sweep 3. `closing` counts the batches of the bookkeeping after
 * the last page, left out while it is 0.
 */
export interface PagePosition extends Position {
  readonly sweep: number
  readonly page: number
  readonly closing: number
}

export function pagePosition(sweep: number, page: number, closing = 0): PagePosition {
  return {
    sweep,
    page,
    closing,
    serialize: () => JSON.stringify(closing === 0 ? { sweep, page } : { sweep, page, closing }),
  }
}

const stored = /^\{"sweep":([1-9]\d{0,14}),"page":(\d{1,15})(?:,"closing":([1-9]\d{0,14}))?\}$/

export const pagePositionFormat: PositionFormat<PagePosition> = {
  parse(text) {
    const parts = stored.exec(text)
    if (parts === null) {
      throw new OperatorError({
        code: 'position-unreadable',
        area: 'data',
        message: `the stored position of a paged API cannot be read: ${text.slice(0, 100)}`,
        hint: 'Resync the stream; if Syncline was downgraded, go back to the newer version.',
      })
    }
    return pagePosition(Number(parts[1]), Number(parts[2]), Number(parts[3] ?? 0))
  },

  compare(a, b): PositionOrder {
    const order = a.sweep - b.sweep || a.page - b.page || a.closing - b.closing
    return order === 0 ? 'equal' : order < 0 ? 'before' : 'after'
  },
}
