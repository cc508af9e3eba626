import { breakStale, eachDirty, readOptions, writeAssignments, type SideId } from '../state/assignments.ts'
import type { Session } from '../state/session.ts'
import { decideWave, type Option, type Window } from './wave.ts'

/** Dirty records in memory at a time; what they displace in turn is no more than twice that. */
const recordsPerPiece = 2_000

/** Options of a record that are looked at in one wave. A block of ties takes as many waves as it has such lots. */
const optionsPerRecord = 16

export interface FollowedVersion {
  readonly model: number
  /** Milli-bits. */
  readonly threshold: number
}

/** What following one commit took. */
export interface FollowFigures {
  /** The most waves of any piece; a path of n changed matches takes at most n. */
  readonly waves: number
  readonly assigned: number
}

/**
 * Makes the stored assignment the greedy one again after pairs of some records have changed, in waves: one look at the
 * dirty records' best options, one decision, one write. Memory is bounded by the piece, not by the length of a path.
 * The records noted in `dirty_record` are taken in pieces: whatever their order and grouping, the result is the same,
 * since the rest stays dirty meanwhile. Needs an open transaction, and `prepareAssignments`.
 */
export async function follow(session: Session, version: FollowedVersion): Promise<FollowFigures> {
  breakStale(session, version.model, version.threshold)
  let [waves, assigned] = [0, 0]
  for await (const piece of eachDirty(session, version.model, recordsPerPiece)) {
    let dirty = piece
    for (let wave = 1; dirty.length > 0; wave++) {
      const windows = await readWindows(session, version, dirty)
      if (windows.length === 0) break
      const decision = decideWave(windows)
      writeAssignments(session, version.model, decision)
      dirty = decision.dirty
      waves = Math.max(waves, wave)
      assigned += decision.assigned.length
    }
  }
  return { waves, assigned }
}

/** Only of records that have an option at all. */
async function readWindows(
  session: Session,
  { model, threshold }: FollowedVersion,
  dirty: readonly SideId[],
): Promise<Window[]> {
  const limit = optionsPerRecord
  const rows = await readOptions(session, { model, threshold, limit }, dirty)
  const optionsOf = new Map<number, { held: Window['held']; options: Option[] }>()
  for (const { place, partner, score, partnerHeld, held } of rows) {
    const known = optionsOf.get(place) ?? { held, options: [] }
    optionsOf.set(place, known)
    known.options.push({ partner: { id: partner, score }, held: partnerHeld })
  }
  return [...optionsOf].flatMap(([place, { held, options }]): Window[] => {
    const record = dirty[place]
    return record ? [{ ...record, held, options, complete: options.length < limit }] : []
  })
}
