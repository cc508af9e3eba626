import { inflateSync } from 'node:zlib'

/**
 * The compressed part of MariaDB's events (`log_bin_compress`): a byte whose highest bit is set, bits 4 to 6 the
 * algorithm (0 is zlib), bits 0 to 2 the bytes of the big-endian length that follows.
 */
export function inflateEvent(bytes: Buffer): Buffer {
  const header = bytes[0] ?? 0
  const lengthBytes = header & 7
  if ((header & 0xf0) !== 0x80 || lengthBytes === 0 || lengthBytes > 4) {
    throw new RangeError('a compressed event has an unknown header')
  }
  const length = bytes.readUIntBE(1, lengthBytes)
  const inflated = inflateSync(bytes.subarray(1 + lengthBytes))
  if (inflated.length !== length) throw new RangeError('a compressed event has another length than it says')
  return inflated
}
