import { describe, expect, it } from 'vitest'
import { decide } from '../../../examples/vendor-match/decidable.ts'
import { makePeople, type People, type Side } from '../../../examples/vendor-match/people.ts'
import { Random } from '../../../examples/vendor-match/random.ts'

/** `[four fields, person]` for each record; the fields as one small number. */
type Records = readonly (readonly [number, number])[]

function side(records: Records): Side {
  const zeros = records.map(() => 0)
  return {
    id: Int32Array.from(records, (_, index) => index + 1),
    first: Uint16Array.from(records, ([fields]) => fields),
    last: Uint16Array.from(zeros),
    town: Uint8Array.from(zeros),
    specialty: Uint8Array.from(zeros),
    person: Int32Array.from(records, ([, person]) => person),
  }
}

function flags(internal: Records, vendor: Records): [boolean[], boolean[]] {
  const decidable = decide({ internal: side(internal), vendor: side(vendor) })
  return [
    internal.map((_, index) => decidable.internal(index)),
    vendor.map((_, index) => decidable.vendor(index)),
  ]
}

describe('decidable', () => {
  it('is a person with one record on each side', () => {
    expect(flags([[1, 0]], [[1, 0]])).toEqual([[true], [true]])
  })

  it('is a person on one side only whom nobody equals', () => {
    expect(flags([[1, 0]], [[2, 9]])).toEqual([[true], [true]])
  })

  it('is not a vendor user without counterpart who equals an internal user', () => {
    expect(flags([[1, 0]], [[1, 9]])).toEqual([[false], [false]])
  })

  it('is nobody who has a namesake in the same place and specialty, on either side', () => {
    expect(
      flags(
        [
          [1, 0],
          [1, 1],
          [2, 2],
        ],
        [
          [1, 0],
          [2, 2],
        ],
      ),
    ).toEqual([
      [false, false, true],
      [false, true],
    ])
  })

  it('is nobody who has a duplicate', () => {
    expect(
      flags(
        [[1, 0]],
        [
          [1, 0],
          [1, 0],
        ],
      ),
    ).toEqual([[false], [false, false]])
  })

  it('is what brute force finds', () => {
    const people = makePeople({ random: new Random(11), internal: 40_000, vendor: 20_000, dirty: true })
    const decidable = decide(people)
    const wanted = bruteForce(people)
    expect(Array.from(people.internal.id, (_, index) => decidable.internal(index))).toEqual(wanted.internal)
    expect(Array.from(people.vendor.id, (_, index) => decidable.vendor(index))).toEqual(wanted.vendor)
    expect(wanted.internal).toContain(false)
    expect(wanted.vendor).toContain(false)
  })
})

function bruteForce({ internal, vendor }: People): { internal: boolean[]; vendor: boolean[] } {
  const records = new Map<string, { internal: number[]; vendor: number[] }>()
  const fields = (of: Side, index: number): string =>
    [of.first[index], of.last[index], of.town[index], of.specialty[index]].join()
  const note = (of: Side, name: 'internal' | 'vendor'): void => {
    of.person.forEach((person, index) => {
      const key = fields(of, index)
      const entry = records.get(key) ?? { internal: [], vendor: [] }
      records.set(key, entry)
      entry[name].push(person)
    })
  }
  note(internal, 'internal')
  note(vendor, 'vendor')
  const apart = (of: Side, index: number): boolean => {
    const { internal: left, vendor: right } = records.get(fields(of, index)) ?? { internal: [], vendor: [] }
    const onePerson = new Set([...left, ...right]).size === 1
    return onePerson && left.length <= 1 && right.length <= 1
  }
  return {
    internal: Array.from(internal.id, (_, index) => apart(internal, index)),
    vendor: Array.from(vendor.id, (_, index) => apart(vendor, index)),
  }
}
