import { describe, expect, it } from 'vitest'
import { greedy } from '../../../src/match/assign.ts'
import { modelDefinition } from '../../../src/match/definition.ts'
import { compileModel, type Model } from '../../../src/match/model.ts'
import { makePeople, type MadePeople } from '../../support/people.ts'

const size = { left: 8000, right: 4000 }
/** The prior is what an operator sets for the size of the data; all else is the shipped model. */
const definition = modelDefinition.parse({ prior: size.left })
const model = compileModel(definition, ['first_name', 'last_name', 'location', 'specialty'])

interface Pair {
  readonly left: string
  readonly right: string
  readonly score: number
}

/** Every pair of places that shares a key, scored. */
function candidates(people: MadePeople, by: Model): Pair[] {
  const left = people.left.map((fields) => by.prepare(fields))
  const blocks = new Map<number, number[]>()
  left.forEach((record, place) => {
    for (const key of by.keys(record)) blocks.set(key, [...(blocks.get(key) ?? []), place])
  })
  return people.right.flatMap(({ fields }, right) => {
    const record = by.prepare(fields)
    const places = new Set(by.keys(record).flatMap((key) => blocks.get(key) ?? []))
    return [...places].flatMap((place) => {
      const other = left[place]
      if (other === undefined) return []
      return [{ left: String(place), right: String(right), score: by.score(other, record) }]
    })
  })
}

function accuracy(
  people: MadePeople,
  pairs: readonly Pair[],
): { precision: number; f1: number; recall: number } {
  const decidable = people.right.filter((person) => person.decidable && person.left !== null).length
  let found = 0
  let correct = 0
  for (const { left, right } of pairs) {
    const person = people.right[Number(right)]
    if (person?.decidable !== true) continue
    found++
    if (person.left === Number(left)) correct++
  }
  return { precision: correct / found, recall: correct / decidable, f1: (2 * correct) / (found + decidable) }
}

describe('the shipped model', () => {
  it('matches noisy people with F1 of at least 0.97 and precision of at least 0.995', () => {
    for (const seed of [1, 2]) {
      const people = makePeople({ ...size, seed, dirty: true })
      const result = accuracy(people, greedy(candidates(people, model), model.threshold))
      expect(result.precision).toBeGreaterThanOrEqual(0.995)
      expect(result.f1).toBeGreaterThanOrEqual(0.97)
    }
  }, 30_000)

  it('brings at least 0.98 of the decidable true pairs together, at few candidates each', () => {
    const people = makePeople({ ...size, seed: 3, dirty: true })
    const pairs = candidates(people, model)
    const truePairs = pairs.filter(({ left, right }) => {
      const person = people.right[Number(right)]
      return person?.decidable === true && person.left === Number(left)
    })
    expect(accuracy(people, truePairs).recall).toBeGreaterThanOrEqual(0.98)
    expect(pairs.length / people.right.length).toBeLessThan(3)
  }, 30_000)

  it('matches clean people completely and never wrongly, also with the prior for a million', () => {
    const shipped = compileModel(modelDefinition.parse({}), model.fields)
    const people = makePeople({ ...size, seed: 4, dirty: false })
    const matched = greedy(candidates(people, shipped), shipped.threshold)
    const result = accuracy(people, matched)
    expect(result).toMatchObject({ precision: 1, recall: 1 })
  }, 30_000)
})
