import givenNames from '../../src/match/data/given-names.json' with { type: 'json' }
import nicknames from '../../src/match/data/nicknames.json' with { type: 'json' }
import surnames from '../../src/match/data/surnames.json' with { type: 'json' }

/** First name, last name, location, specialty. */
export type Fields = readonly (string | null)[]

export interface RightPerson {
  readonly fields: Fields
  /** The place of the same person on the left; null when there is none. */
  readonly left: number | null
  /** Whether the clean four fields occur once on each side at most, and on both or on one. */
  readonly decidable: boolean
}

export interface MadePeople {
  readonly left: readonly Fields[]
  readonly right: readonly RightPerson[]
}

export type Random = () => number

/** mulberry32: the same numbers for the same seed everywhere. */
export function seeded(seed: number): Random {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

const synonyms: Readonly<Record<string, readonly string[]>> = {
  Anesthesiology: ['Anesthesia'],
  Cardiology: ['Heart', 'Cardiovascular'],
  Dermatology: ['Skin'],
  'Family Medicine': ['GP', 'Family Practice'],
  Neurology: ['Neurologist'],
  Orthopedics: ['Ortho', 'Orthopedic Surgery'],
  Radiology: ['Imaging'],
  Urology: ['Urologist'],
}

/** Two sides of one population: `noise` applies to the right side, at the rates of the example's specification. */
export function makePeople(options: {
  readonly left: number
  readonly right: number
  readonly seed: number
  readonly dirty: boolean
}): MadePeople {
  const random = seeded(options.seed)
  const draw = { first: byShare(givenNames, random), last: byShare(surnames, random) }
  const person = (): string[] => [
    draw.first(),
    draw.last(),
    `town ${Math.floor(random() * 100)}`,
    pick(Object.keys(synonyms), random),
  ]
  const left = Array.from({ length: options.left }, person)
  const originals = Array.from({ length: options.right }, (_, i) =>
    options.dirty && random() < 0.15 ? { clean: person(), left: null } : { clean: left[i] ?? [], left: i },
  )
  if (options.dirty) {
    for (let i = 0; i < options.left / 100; i++) left.push(pick(left, random))
    for (let i = 0; i < options.right / 100; i++) originals.push(pick(originals, random))
  }
  const onLeft = countBy(left)
  const onRight = countBy(originals.map(({ clean }) => clean))
  const right = originals.map(({ clean, left: place }) => {
    const count = (side: ReadonlyMap<string, number>): number => side.get(clean.join('|')) ?? 0
    return {
      fields: options.dirty ? noisy(clean, draw.last, random) : clean,
      left: place,
      decidable: count(onRight) === 1 && count(onLeft) === (place === null ? 0 : 1),
    }
  })
  return { left, right }
}

function noisy(clean: readonly string[], otherSurname: () => string, random: Random): Fields {
  const chance = (rate: number): boolean => random() < rate
  let [first = '', last = '', location = '', specialty = ''] = clean
  const known = (nicknames as Readonly<Record<string, string>>)[first]?.split(' ')
  if (known !== undefined && chance(0.05)) first = pick(known, random)
  if (chance(0.02)) last = otherSurname()
  if (chance(0.03)) first = misspelled(first, random)
  if (chance(0.03)) last = misspelled(last, random)
  if (chance(0.02))
    last = pick([`${last}-${otherSurname()}`, `${last} ${otherSurname()}`, `${last} Jr.`], random)
  if (chance(0.005)) [first, last] = [last, first]
  if (chance(0.05)) location = `town ${Math.floor(random() * 100)}`
  if (chance(0.03)) specialty = pick(synonyms[specialty] ?? [specialty], random)
  if (chance(0.1)) [first, last] = [` ${first.toUpperCase()} `, last.replaceAll('e', 'é')]
  return [first, last, location.replaceAll(' ', '_'), specialty].map((field) => (chance(0.02) ? null : field))
}

function misspelled(name: string, random: Random): string {
  const at = Math.floor(random() * name.length)
  const letter = String.fromCharCode(97 + Math.floor(random() * 26))
  const rest = name.slice(at + 1)
  const forms = [
    rest,
    letter + rest,
    letter + name.slice(at),
    rest.slice(0, 1) + name.charAt(at) + rest.slice(1),
  ]
  return name.slice(0, at) + pick(forms, random) || name
}

function byShare(list: readonly (readonly (string | number)[])[], random: Random): () => string {
  const sums: number[] = []
  let total = 0
  for (const [, share] of list) sums.push((total += Number(share)))
  return () => {
    const wanted = random() * total
    let [low, high] = [0, list.length - 1]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((sums[middle] ?? 0) > wanted) high = middle
      else low = middle + 1
    }
    return String(list[low]?.[0])
  }
}

function countBy(people: readonly (readonly string[])[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const person of people) counts.set(person.join('|'), (counts.get(person.join('|')) ?? 0) + 1)
  return counts
}

function pick<T>(list: readonly T[], random: Random): T {
  const chosen = list[Math.floor(random() * list.length)]
  if (chosen === undefined) throw new RangeError('nothing to pick from')
  return chosen
}
