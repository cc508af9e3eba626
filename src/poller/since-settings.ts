export interface SinceSettings {
  /** The query parameter. */
  readonly param: string
  /** JSON pointer into a record. */
  readonly updatedAt: string
  readonly from: string | null
  readonly overlapMs: number
  /** JSON pointer into a record: anything but null, false and an empty text there says that it is gone. */
  readonly deleted: string | null
}
