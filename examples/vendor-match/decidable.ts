import { tupleOf, type People, type Side } from './people.ts'
import { TupleTable } from './tuple-table.ts'

/** Whether the record of that number on each side can be told from all others by its four clean fields. */
export interface Decidable {
  internal(index: number): boolean
  vendor(index: number): boolean
}

/**
 * A record is decidable when its clean four fields occur at most once on each side and, where they occur on both,
 * belong to the same person. Duplicates of one person are therefore not decidable, nor are namesakes who work at the
 * same place in the same specialty, nor is a vendor user without counterpart who equals an internal user.
 */
export function decide({ internal, vendor }: People): Decidable {
  const table = new TupleTable(internal.id.length + vendor.id.length)
  const onInternal = occurrences(internal, table)
  const onVendor = occurrences(vendor, table)
  const apart = new Uint8Array(table.capacity)
  for (let slot = 0; slot < table.capacity; slot++) {
    const [a = nobody, b = nobody] = [onInternal[slot], onVendor[slot]]
    apart[slot] = a !== several && b !== several && (a === nobody || b === nobody || a === b) ? 1 : 0
  }
  const flags = (side: Side): Uint8Array => {
    const flag = new Uint8Array(side.id.length)
    for (let index = 0; index < flag.length; index++) {
      flag[index] = apart[table.slotOf(tupleOf(side, index))] ?? 0
    }
    return flag
  }
  const [internalFlags, vendorFlags] = [flags(internal), flags(vendor)]
  return {
    internal: (index) => internalFlags[index] === 1,
    vendor: (index) => vendorFlags[index] === 1,
  }
}

const nobody = -1
const several = -2

/** Per slot the one person whose record has those four fields, or that there are none or several such records. */
function occurrences(side: Side, table: TupleTable): Int32Array {
  const persons = new Int32Array(table.capacity).fill(nobody)
  for (let index = 0; index < side.id.length; index++) {
    const slot = table.slotOf(tupleOf(side, index))
    persons[slot] = persons[slot] === nobody ? (side.person[index] ?? nobody) : several
  }
  return persons
}
