import { afterEach, beforeEach } from 'vitest'
import { startVendorSimulator, type VendorSimulator } from '../../examples/vendor-match/simulator.ts'
import { Mirror } from './mirror.ts'
import { sweepInto, vendorRow, vendorSource, vendorUsers } from './vendor-source.ts'

/** A vendor's API and what was read of it. */
export class SweptVendor {
  simulator!: VendorSimulator
  mirror = new Mirror()

  /** One run of the source that ends. */
  readonly sweep = (options: Parameters<typeof vendorSource>[1] = {}): ReturnType<typeof sweepInto> =>
    sweepInto(this.mirror, vendorSource(this.simulator, options))

  readonly lastname = (id: number): string | null | undefined =>
    this.mirror.rows('vendor_user').find((row) => row['id'] === String(id))?.['lastname']

  /** The rows as they are mirrored and as the API has them, in one order: equal when nothing is missing. */
  readonly rows = (): { mirrored: string[]; served: string[] } => {
    const sorted = (rows: readonly unknown[]): string[] => rows.map((row) => JSON.stringify(row)).sort()
    return {
      mirrored: sorted(this.mirror.rows('vendor_user')),
      served: sorted([...this.simulator.users()].map(vendorRow)),
    }
  }
}

/** A new one for each test of the file. */
export function sweptVendor({ users, pageSize }: { users: number; pageSize: number }): SweptVendor {
  const vendor = new SweptVendor()
  beforeEach(async () => {
    vendor.simulator = await startVendorSimulator({ users: vendorUsers(users), pageSize })
    vendor.mirror = new Mirror()
  })
  afterEach(() => vendor.simulator.close())
  return vendor
}
