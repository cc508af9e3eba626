import givenNameShares from '../../src/match/data/given-names.json' with { type: 'json' }
import surnameShares from '../../src/match/data/surnames.json' with { type: 'json' }

/** Names that occur as often as in the US census of 1990, cased as people write them. */
export interface NameList {
  readonly names: readonly string[]
  /** The share of people with the name in that place of `names`; they add up to 1. */
  readonly shares: readonly number[]
  /** The name's place in `names` for a uniform number in [0, 1). */
  pick(unit: number): number
  /** The share of people whose name satisfies the condition. */
  share(condition: (name: string) => boolean): number
}

export const givenNames: NameList = nameList(givenNameShares)
export const surnames: NameList = nameList(surnameShares)

function nameList(shares: readonly (readonly (string | number)[])[]): NameList {
  const names = shares.map(([name]) => natural(String(name)))
  const upTo = new Float64Array(shares.length)
  let total = 0
  shares.forEach(([, share], index) => {
    total += Number(share)
    upTo[index] = total
  })
  return {
    names,
    shares: shares.map(([, share]) => Number(share) / total),
    pick: (unit) => firstAbove(upTo, unit * total),
    share: (condition) =>
      shares.reduce((sum, [, share], index) => sum + (condition(names[index] ?? '') ? Number(share) : 0), 0) /
      total,
  }
}

function firstAbove(upTo: Float64Array, wanted: number): number {
  let low = 0
  let high = upTo.length - 1
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((upTo[middle] ?? 0) > wanted) high = middle
    else low = middle + 1
  }
  return low
}

/** The census prints capitals only: `Smith`, `McCoy`, `O'Brien`. */
function natural(name: string): string {
  const irish =
    /^o(brien|bryan|connor|conner|connell|donnell|neal|neill|neil|hara|leary|rourke|keefe|malley|toole|reilly|sullivan|shea)$/.exec(
      name,
    )
  if (irish?.[1] !== undefined) return `O'${capitalised(irish[1])}`
  if (/^mc[a-z]{2,}$/.test(name)) return `Mc${capitalised(name.slice(2))}`
  return capitalised(name)
}

export function capitalised(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1)
}
