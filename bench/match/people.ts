import { generate, type GeneratedData } from '../../examples/vendor-match/generate.ts'
import type { InternalUser, VendorUser } from '../../examples/vendor-match/records.ts'
import type { Change, Row } from '../../src/changes/change.ts'

/** What changed: the whole row as it is now. */
export interface PersonChange {
  readonly table: 'user' | 'vendor_user'
  readonly row: InternalUser | VendorUser
}

export function upsertOf({ table, row }: PersonChange): Change {
  const stream = table === 'user' ? 'internal_user' : 'vendor_user'
  const values: Row = Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, value === null ? null : String(value)]),
  )
  return { kind: 'upsert', stream, key: [values['id'] ?? ''], row: values }
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

  get internal(): readonly InternalUser[] {
    return this.#internal
  }

  get vendor(): readonly VendorUser[] {
    return this.#vendor
  }

  /** Nine internal changes to one of the vendor's; half of them touch a name, the others who was last active when. */
  change(): PersonChange {
    const users = this.#random(10) === 0 ? this.#vendor : this.#internal
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
    return { table: users === this.#vendor ? 'vendor_user' : 'user', row: changed }
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
