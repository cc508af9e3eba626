import type { VendorOrder } from './records.ts'

export interface SortOptions {
  readonly order: VendorOrder
  /** Rising. */
  readonly id: Int32Array
  readonly surname: (index: number) => string | null
}

/**
 * The indices of the vendor's users in the order of its API. Surnames compare by their UTF-16 units and missing ones
 * come last: a locale's collation would differ between machines.
 */
export function sortVendor({ order, id, surname }: SortOptions): Uint32Array {
  const indices = new Uint32Array(id.length).map((_, index) => index)
  if (order === 'id') return indices
  const rank = ranks(id.length, (index) => {
    const name = surname(index)
    return order === 'surname' || name === null ? name : name.charAt(0).toUpperCase()
  })
  return indices.sort((a, b) => (rank[a] ?? 0) - (rank[b] ?? 0) || a - b)
}

/** The place of each text among the different texts, so that sorting compares numbers. */
function ranks(count: number, text: (index: number) => string | null): Uint32Array {
  const places = new Map<string | null, number>()
  const rank = new Uint32Array(count)
  for (let index = 0; index < count; index++) {
    const value = text(index)
    const place = places.get(value) ?? places.size
    places.set(value, place)
    rank[index] = place
  }
  const sorted = [...places].sort(([a], [b]) => compare(a, b))
  const rankOfPlace = new Uint32Array(sorted.length)
  sorted.forEach(([, place], index) => (rankOfPlace[place] = index))
  return rank.map((place) => rankOfPlace[place] ?? 0)
}

function compare(a: string | null, b: string | null): number {
  if (a === b) return 0
  if (a === null) return 1
  if (b === null) return -1
  return a < b ? -1 : 1
}
