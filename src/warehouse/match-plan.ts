import type { Json } from '../changes/ledger.ts'
import type { Model } from '../match/model.ts'
import type { KeyTable, Side } from '../state/key-table.ts'

/** Where a field of a match comes from: a column of the side's own stream or of a joined one. */
export interface FieldSource {
  readonly stream: string
  readonly column: string
}

/** `own column = joined column`, where the joined column is the whole key of the joined stream. */
export interface Join {
  readonly stream: string
  readonly column: string
  readonly joinedColumn: string
}

export interface SidePlan {
  readonly stream: string
  /** What this side's columns of the matched table begin with, for instance `internal`. */
  readonly prefix: string
  readonly joins: readonly Join[]
  readonly fields: ReadonlyMap<string, FieldSource>
}

/** What the configuration says about one match, made ready. */
export interface MatchPlan {
  readonly name: string
  readonly description: string
  /** Its fields are those of both sides; a record has null for a field that its side lacks. */
  readonly model: Model
  readonly left: SidePlan
  readonly right: SidePlan
  /** Fields that the matched table shows once: the left value, or the right one where the left is missing. */
  readonly single: readonly string[]
  readonly activity: { readonly field: string; readonly days: number } | null
  /** The match as configured, from which the plan can be made again; stored with the version. */
  readonly definition: Json
  /** Hash of the part of it that decides who is matched: versions with the same one belong to the same configuration. */
  readonly origin: string
  /** What was learnt from data and takes the place of configured weights, or null. */
  readonly calibration: Json
}

/** A plan together with its stored model version. */
export interface LiveMatch {
  readonly plan: MatchPlan
  readonly model: number
  readonly keys: Readonly<Record<Side, KeyTable>>
}
