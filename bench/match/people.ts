import { generate, type GeneratedData } from '../../examples/vendor-match/generate.ts'
import type { InternalUser, VendorUser } from '../../examples/vendor-match/records.ts'
import type { Change, Row } from '../../src/changes/change.ts'
import type { Column } from '../../src/changes/column.ts'

const column = (name: string, type = 'text'): Column => ({
  name,
  type,
  nullable: true,
  keyPosition: null,
  comment: null,
})
const id = (type: string): Column => ({ name: 'id', type, nullable: false, keyPosition: 1, comment: null })

/** The streams of the example vendor-match, as its sources announce them. */
export const streams: Readonly<Record<string, readonly Column[]>> = {
  internal_practice: [id('bigint'), column('name'), column('location')],
  internal_user: [
    id('bigint'),
    column('practice_id', 'bigint'),
    ...['firstname', 'lastname', 'classification', 'specialty', 'platform_registered_on'].map((name) =>
      column(name),
    ),
    column('last_active_date', 'date'),
  ],
  vendor_user: [
    id('bigint'),
    ...['firstname', 'lastname', 'specialty', 'practice_location', 'user_type_classification'].map((name) =>
      column(name),
    ),
    column('last_active_date', 'date'),
  ],
}

export function upsert(stream: string, record: InternalUser | VendorUser | object): Change {
  const row: Row = Object.fromEntries(
    Object.entries(record).map(([name, value]) => [name, value === null ? null : String(value)]),
  )
  return { kind: 'upsert', stream, key: [row['id'] ?? ''], row }
}

/** Both sides of the example, dirty, and random changes of them. Everything follows from the seed. */
export class People {
  readonly data: GeneratedData
  readonly #internal: InternalUser[]
  readonly #vendor: VendorUser[]
  #state: number

  constructor({ internal, vendor, seed }: { internal: number; vendor: number; seed: number }) {
    this.data = generate({ internal, vendor, dirty: true, seed })
    this.#internal = [...this.data.internalUsers()]
    this.#vendor = [...this.data.vendorUsers()]
    this.#state = seed
  }

  *load(): Generator<Change> {
    for (const practice of this.data.practices()) yield upsert('internal_practice', practice)
    for (const user of this.#internal) yield upsert('internal_user', user)
    for (const user of this.#vendor) yield upsert('vendor_user', user)
  }

  /** Nine internal changes to one of the vendor's; half of them touch a name, the others who was last active when. */
  change(): Change {
    const users = this.#random(10) === 0 ? this.#vendor : this.#internal
    const stream = users === this.#vendor ? 'vendor_user' : 'internal_user'
    const place = this.#random(users.length)
    const user = users[place]
    if (!user) throw new RangeError('there is nobody to change')
    const date = new Date(Date.UTC(2017, 0, 1 + this.#random(40))).toISOString().slice(0, 10)
    const other = users[this.#random(users.length)] ?? user
    const changed =
      this.#random(2) === 0
        ? { ...user, last_active_date: date }
        : { ...user, [this.#random(2) === 0 ? 'firstname' : 'lastname']: this.#renamed(user, other) }
    users[place] = changed
    return upsert(stream, changed)
  }

  /** A letter changed or the name of somebody else, so that pairs come and go. */
  #renamed(user: { lastname: string | null }, other: { lastname: string | null }): string {
    if (this.#random(2) === 0) return other.lastname ?? 'Smith'
    const name = user.lastname ?? 'Smith'
    const at = this.#random(name.length)
    return name.slice(0, at) + String.fromCharCode(97 + this.#random(26)) + name.slice(at + 1)
  }

  /** mulberry32. */
  #random(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}
