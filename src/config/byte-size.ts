import { BugError } from '../runtime/errors.ts'

const unitBytes = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
} as const

const units = new Map(Object.entries(unitBytes).map(([unit, bytes]) => [unit.toLowerCase(), bytes]))

/** `64MiB`, `10MB`, `512 KiB` in bytes; null when the text is not a size. `MB` is decimal and `MiB` binary. */
export function parseByteSize(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]+)$/i.exec(text.trim())
  const unit = units.get(match?.[2]?.toLowerCase() ?? '')
  if (!match || unit === undefined) return null
  const bytes = Math.round(Number(match[1]) * unit)
  return Number.isSafeInteger(bytes) ? bytes : null
}

/** For text that the schema has let through. */
export function bytesOf(text: string): number {
  const bytes = parseByteSize(text)
  if (bytes === null) throw new BugError({ code: 'byte-size-unchecked', message: 'a size was not validated' })
  return bytes
}
