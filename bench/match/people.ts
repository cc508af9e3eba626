import { generate, type GeneratedData } from '../../examples/vendor-match/generate.ts'
import type { InternalUser, VendorUser } from '../../examples/vendor-match/records.ts'
import type { Change, Row } from '../../src/changes/change.ts'

type User = InternalUser | VendorUser

/** What changed: the whole row as it is now, or was. */
export interface PersonChange {
  readonly kind: 'insert' | 'update' | 'delete'
  readonly table: 'user' | 'vendor_user'
  readonly row: User
}

/** As a source tells of it. */
export function changeOf({ kind, table, row }: PersonChange): Change {
  const stream = table === 'user' ? 'internal_user' : 'vendor_user'
  const values: Row = Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, value === null ? null : String(value)]),
  )
  const key = [values['id'] ?? '']
  return kind === 'delete' ? { kind, stream, key } : { kind: 'upsert', stream, key, row: values }
}

/** Both sides of the example, dirty, and random changes of them. Everything follows from the seed. */
export class People {
  readonly data: GeneratedData
  readonly #internal: InternalUser[]
  readonly #vendor: VendorUser[]
  #state: number
  /** Ids are never given twice. */
  #nextId: number

  constructor({ internal, vendor, seed }: { internal: number; vendor: number; seed: number }) {
    this.data = generate({ internal, vendor, dirty: true, seed })
    this.#internal = [...this.data.internalUsers()]
    this.#vendor = [...this.data.vendorUsers()]
    this.#state = seed
    const ids = [this.#internal, this.#vendor].map((users) =>
      users.reduce((most, { id }) => Math.max(most, id), 0),
    )
    this.#nextId = Math.max(...ids) + 1
  }

  get internal(): readonly InternalUser[] {
    return this.#internal
  }

  get vendor(): readonly VendorUser[] {
    return this.#vendor
  }

  /**
   * Nine internal changes to one of the vendor's. In a hundred, four people join, four leave and two move; half of the
   * others touch a name, the rest who was last active when.
   */
  change(): PersonChange {
    return this.#random(10) === 0
      ? this.#changeOne(this.#vendor, 'vendor_user')
      : this.#changeOne(this.#internal, 'user')
  }

  #changeOne(users: User[], table: PersonChange['table']): PersonChange {
    const place = this.#random(users.length)
    const [user, other] = [users[place], users[this.#random(users.length)]]
    if (!user || !other) throw new RangeError('there is nobody to change')
    const kind = this.#random(100)
    if (kind < 4) {
      const row = { ...this.#renamed(user, other), id: this.#nextId++ }
      users.push(row)
      return { kind: 'insert', table, row }
    }
    if (kind < 8) {
      const last = users.pop()
      if (last && last !== user) users[place] = last
      return { kind: 'delete', table, row: user }
    }
    const row =
      kind < 10
        ? moved(user, other)
        : this.#random(2) === 0
          ? { ...user, last_active_date: this.#day() }
          : this.#renamed(user, other)
    users[place] = row
    return { kind: 'update', table, row }
  }

  #day(): string {
    return new Date(Date.UTC(2017, 0, 1 + this.#random(40))).toISOString().slice(0, 10)
  }

  /** By one name: a letter changed or the name of somebody else, so that pairs come and go. */
  #renamed(user: User, other: User): User {
    return { ...user, [this.#random(2) === 0 ? 'firstname' : 'lastname']: this.#newName(user, other) }
  }

  #newName(user: User, other: User): string {
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

/** To where somebody else is. */
function moved(user: User, other: User): User {
  const where =
    'practice_id' in other
      ? { practice_id: other.practice_id }
      : { practice_location: other.practice_location }
  return { ...user, ...where }
}
