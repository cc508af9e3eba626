import type { Key, Row, Value } from '../../changes/change.ts'
import { SharedTexts } from './shared-texts.ts'
import { undecided, ValueRejection, type CursorPart, type RawValue, type ValueCodec } from './value-codec.ts'

/** What decoding needs to know of a column. */
export interface DecodedColumn {
  readonly name: string
  readonly codec: ValueCodec
  /** 1-based, or null outside the key. */
  readonly keyPosition: number | null
}

export interface DecodedRow {
  readonly key: Key
  readonly row: Row
}

/** A record without its stream. */
export interface RejectedRow {
  /** Null when the key itself cannot be taken in. */
  readonly key: Key | null
  readonly code: string
  readonly reason: string
  readonly raw: string
}

export type RawRow = readonly (RawValue | null)[]

/** Thrown once in a blue moon: the record has to be read again with its text as bytes. */
export class UndecidedText extends Error {
  constructor() {
    super('a text holds U+FFFD: only its bytes tell whether it is valid')
  }
}

/**
 * A decoder for the rows of one table: columns in the order of the select, none of them missing. It returns a
 * `RejectedRow` (it has a `reason`) when a value cannot be taken in, naming each such column.
 */
export class RowDecoder {
  readonly #names: readonly string[]
  readonly #decoders: readonly ((raw: RawValue) => Value | ValueRejection)[]
  readonly #shared: readonly SharedTexts[]
  readonly #keyNames: readonly string[]
  readonly #keyCodecs: readonly { readonly index: number; readonly codec: ValueCodec }[]

  constructor(columns: readonly DecodedColumn[]) {
    this.#names = columns.map((column) => column.name)
    this.#decoders = columns.map((column) => column.codec.decode)
    this.#shared = columns.map(() => new SharedTexts())
    const keys = columns
      .map(({ name, codec, keyPosition }, index) => ({ name, codec, keyPosition, index }))
      .filter((column) => column.keyPosition !== null)
      .sort((a, b) => (a.keyPosition ?? 0) - (b.keyPosition ?? 0))
    this.#keyNames = keys.map((key) => key.name)
    this.#keyCodecs = keys
  }

  decode(raw: RawRow): DecodedRow | RejectedRow {
    const names = this.#names
    const decoders = this.#decoders
    const row: Record<string, Value> = {}
    let rejected = false
    for (let index = 0; index < names.length; index++) {
      const value = raw[index] ?? null
      const decoded =
        value === null ? null : (decoders[index] as (raw: RawValue) => Value | ValueRejection)(value)
      if (decoded === null) row[names[index] as string] = null
      else if (typeof decoded === 'object') rejected = true
      else row[names[index] as string] = (this.#shared[index] as SharedTexts).share(decoded)
    }
    if (rejected) return this.#reject(raw, row)
    const key = this.#keyOf(row)
    return key === null ? this.#reject(raw, row) : { key, row }
  }

  /** The key of a row of which nothing else is known; null when it cannot be taken in. */
  decodeKey(raw: RawRow): Key | null {
    const key: string[] = []
    for (const { index, codec } of this.#keyCodecs) {
      const value = raw[index] ?? null
      const decoded = value === null ? null : codec.decode(value)
      if (decoded === undecided) throw new UndecidedText()
      if (typeof decoded !== 'string') return null
      key.push(decoded)
    }
    return key
  }

  /** The place of a row in the key's order, also of one that is rejected. */
  cursor(raw: RawRow): CursorPart[] {
    return this.#keyCodecs.map(({ index, codec }) => {
      const value = raw[index] ?? null
      if (value === null || codec.paging === undefined) throw new TypeError('a key cannot be paged by')
      return codec.paging.cursor(value)
    })
  }

  #keyOf(row: Row): Key | null {
    const names = this.#keyNames
    // The common key has one column.
    if (names.length === 1) {
      const value = row[names[0] as string] ?? null
      return value === null ? null : [value]
    }
    const key: string[] = []
    for (const name of names) {
      const value = row[name] ?? null
      if (value === null) return null
      key.push(value)
    }
    return key
  }

  #reject(raw: RawRow, row: Row): RejectedRow {
    const reasons: string[] = []
    let code: string | null = null
    for (const [index, name] of this.#names.entries()) {
      const value = raw[index] ?? null
      if (value === null) continue
      const decoded = (this.#decoders[index] as (raw: RawValue) => Value | ValueRejection)(value)
      if (decoded === undecided) throw new UndecidedText()
      if (decoded instanceof ValueRejection) {
        code ??= decoded.code
        reasons.push(`column ${name}: ${decoded.reason}`)
      }
    }
    const key = this.#keyOf(row)
    if (reasons.length === 0) reasons.push('a column of the key is null')
    return { key, code: code ?? 'null-key', reason: reasons.join('; '), raw: this.#print(raw) }
  }

  /** JSON by column name; bytes that are not text as `\x…`. */
  #print(raw: RawRow): string {
    const entries = this.#names.map((name, index) => [name, printRaw(raw[index] ?? null)] as const)
    return JSON.stringify(Object.fromEntries(entries))
  }
}

function printRaw(raw: RawValue | null): string | null {
  if (raw === null) return null
  if (typeof raw !== 'object') return String(raw)
  const text = raw.toString('utf8')
  return text.includes('\uFFFD') ? `\\x${raw.toString('hex')}` : text
}
