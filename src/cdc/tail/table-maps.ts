import { readTableName } from '../binlog/table-map.ts'

interface Mapped<T> {
  /** A copy that stays the same object while the event does. */
  readonly body: Buffer
  readonly table: T | null
}

/** Enough for the tables of any statement; the server sends each map again before every use. */
const mostMaps = 10_000

/**
 * Which table a number in the log stands for at present. Maps come before every statement's rows, nearly always the
 * same ones: they are compared by their bytes and parsed once.
 */
export class TableMaps<T> {
  readonly #find: (schema: string, name: string) => T | null
  readonly #maps = new Map<number, Mapped<T>>()

  constructor(find: (schema: string, name: string) => T | null) {
    this.#find = find
  }

  learn(tableId: number, body: Buffer): void {
    const known = this.#maps.get(tableId)
    if (known?.body.equals(body) === true) return
    if (this.#maps.size >= mostMaps) this.#maps.clear()
    const { schema, name } = readTableName(body, 0)
    this.#maps.set(tableId, { body: Buffer.from(body), table: this.#find(schema, name) })
  }

  get(tableId: number): Mapped<T> | undefined {
    return this.#maps.get(tableId)
  }
}
