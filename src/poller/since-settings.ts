export interface SinceSettings {
  /** The query parameter. */
  readonly param: string
  /** JSON pointer into a record. */
  readonly updatedAt: string
  readonly from: string | null
  readonly overlapMs: number
  /** JSON pointer into a record: anything but null, false, 0 and an empty text (or these as text) there says that it is gone. */
  readonly deleted: string | null
}
