import type { Change } from '../changes/change.ts'
import type { ChangeBatch, ChangePiece, Rejected } from '../changes/change-batch.ts'
import { covers } from '../changes/position.ts'
import type { Source } from '../changes/source.ts'
import { BugError } from '../runtime/errors.ts'
import type { Cause } from '../state/causes.ts'
import {
  closeAllDeadLetters,
  openDeadLetters,
  retractDeadLetters,
  supersedeDeadLetters,
} from '../state/dead-letters.ts'
import type { KeyTable } from '../state/key-table.ts'
import { writeLedger } from '../state/ledger.ts'
import { compareAndSetPosition, readPosition } from '../state/positions.ts'
import { isStorable, longestId, recordId } from '../state/record-id.ts'
import type { Session } from '../state/session.ts'
import { markSeen, writeStreamColumns } from '../state/streams.ts'
import { compareWithMirror, markAudited } from './audit.ts'
import { checkPlan } from './check-plan.ts'
import { RowLoader } from './load-rows.ts'
import { ensureMirror } from './mirror-table.ts'
import { noting } from './noting.ts'
import { rematch } from './rematch.ts'
import { reshapeMatched } from './publish.ts'
import { beginResync, endResync } from './resync.ts'
import { noteRetyped } from './retyped-streams.ts'
import type { WarehouseState } from './warehouse-state.ts'
import { deleteAllRows, writeRows, type RowChange, type RowChanges } from './write-rows.ts'

/** Rows after which a commit takes no batch more. Those of a first load are about two seconds' work. */
const enoughRows = { loaded: 50_000, other: 20_000 }

/** Batches of one source that are committed together. */
export interface AdjoiningBatches {
  readonly source: Source
  readonly first: ChangeBatch
  /** The next one, of upserts alone, perhaps not read yet when the commit begins; null when none is to follow. */
  readonly next: () => ChangeBatch | null
}

/** `commitBatches` of one. */
export async function commitBatch(
  session: Session,
  source: Source,
  batch: ChangeBatch,
  state: WarehouseState,
): Promise<boolean> {
  return commitBatches(session, { source, first: batch, next: () => null }, state)
}

/**
 * Commits batches: mirrored rows, match state, dead letters, ledger, position and the fencing check, all or
 * nothing. Returns false for a first batch that was delivered again, of which nothing is written.
 */
export async function commitBatches(
  session: Session,
  { source, first, next }: AdjoiningBatches,
  state: WarehouseState,
): Promise<boolean> {
  const draft = state.draft()
  const noted = await notingKeys(session, draft, async () => {
    const moved = await compareAndSetPosition(session, { source: source.name, ...first })
    if (!moved) {
      await refuseUnlessDeliveredAgain(session, source, first)
      return null
    }
    session.background(writeLedger(session, source.name, first.ledger))
    await retractRecords(session, first, draft)
    const loader = new RowLoader(session, draft)
    const apply = (piece: ChangePiece, of: ChangeBatch): Promise<void> =>
      applyPiece(session, piece, { state: draft, loader, cause: causeOf(source, of) })
    await apply(first, first)
    for await (const piece of first.rest ?? []) {
      session.background(writeLedger(session, source.name, piece.ledger ?? []))
      await apply(piece, first)
    }
    let last = first
    let rows = first.changes.length
    const more = (): ChangeBatch | null =>
      rows < (loader.isLoading ? enoughRows.loaded : enoughRows.other) ? next() : null
    for (let batch = more(); batch !== null; last = batch, batch = more()) {
      rows += batch.changes.length
      session.background(moveOn(session, source, batch))
      session.background(writeLedger(session, source.name, batch.ledger))
      await apply(batch, batch)
    }
    await loader.finish()
    // What a batch judges comes after what it changes: a resync that it begins has not been refused before.
    noteVanished(first, draft)
    if (first.audit) await compareWithMirror(session, first.audit, draft)
    if ([...draft.mirrors].some(([stream, mirror]) => state.mirrors.get(stream) !== mirror)) {
      await reshapeMatched(session, draft)
    }
    return rematch(session, draft, causeOf(source, last))
  })
  if (noted !== null) state.adopt(draft)
  for (const table of keyTables(state)) await table.indexIfDue(session)
  return noted !== null
}

/** Moves the position on within a commit. */
async function moveOn(session: Session, source: Source, batch: ChangeBatch): Promise<void> {
  const moved = await compareAndSetPosition(session, { source: source.name, ...batch })
  if (!moved) throw positionGap(source, batch, 'another position')
}

/** As `noting`; key tables are told when the transaction was rolled back. */
async function notingKeys(
  session: Session,
  state: WarehouseState,
  work: () => Promise<number | null>,
): Promise<number | null> {
  try {
    return await noting(session, state, work)
  } catch (error) {
    for (const table of keyTables(state)) table.rolledBack()
    throw error
  }
}

const keyTables = ({ matches }: WarehouseState): KeyTable[] => matches.flatMap(({ keys }) => [keys.l, keys.r])

async function refuseUnlessDeliveredAgain(
  session: Session,
  source: Source,
  batch: ChangeBatch,
): Promise<void> {
  const stored = await readPosition(session, source.name)
  const { position } = source
  if (stored !== null && covers(position, position.parse(stored), position.parse(batch.after))) return
  throw positionGap(source, batch, stored)
}

function positionGap({ name }: Source, { before }: ChangeBatch, stored: string | null): BugError {
  return new BugError({
    code: 'position-gap',
    message: `source ${name} delivered a batch from ${before} but ${stored} is what was committed`,
  })
}

type SourceCause = Extract<Cause, { kind: 'source' }>

const causeOf = ({ name }: Source, { after, committedAt }: ChangeBatch): SourceCause => ({
  ...{ kind: 'source', source: name, position: after, committedAt },
})

interface Applying {
  readonly state: WarehouseState
  readonly loader: RowLoader
  /** Its position is the one that is committed with the changes. */
  readonly cause: SourceCause
}

async function applyPiece(
  session: Session,
  { changes, rejected }: ChangePiece,
  applying: Applying,
): Promise<void> {
  const refused = await applyChanges(session, changes, { ...applying, rejected })
  // The source rejects after it has changed, so its word on a record is the later one.
  await rejectRecords(session, [...refused, ...rejected], applying)
}

/** Applies changes in order; row changes between two other changes are written as one set. */
async function applyChanges(
  session: Session,
  changes: readonly Change[],
  { rejected, state, loader, cause }: Applying & Pick<ChangePiece, 'rejected'>,
): Promise<Rejected[]> {
  /** By stream and record: one that a later change puts right is not among them any more. */
  const refused = new Map<string, Rejected>()
  const pending = new Map<string, Map<string, RowChange>>()
  const flush = async (): Promise<void> => {
    for (const [stream, rows] of pending) {
      for (const id of rows.keys()) refused.delete(`${stream} ${id}`)
      for (const rejected of await writeStream(session, { stream, rows, state, loader })) {
        refused.set(`${stream} ${recordId(rejected.key ?? [])}`, rejected)
      }
    }
    pending.clear()
  }
  for (const change of changes) {
    if (change.kind === 'upsert' || change.kind === 'delete') {
      const rows = pending.get(change.stream) ?? new Map<string, RowChange>()
      pending.set(change.stream, rows)
      // The change itself where it can be: what waits for its commit is copied by every collection of garbage.
      rows.set(recordId(change.key), change.kind === 'upsert' ? change : { key: change.key, row: null })
    } else {
      await flush()
      await loader.finish()
      if (change.kind === 'truncate') {
        for (const [place, { stream }] of refused) if (stream === change.stream) refused.delete(place)
      }
      await applyToStream(session, change, { rejected, state, cause })
    }
  }
  await flush()
  return [...refused.values()]
}

async function writeStream(
  session: Session,
  { stream, rows, state, loader }: Pick<Applying, 'state' | 'loader'> & { stream: string; rows: RowChanges },
): Promise<Rejected[]> {
  const mirror = state.mirror(stream)
  const refused = refuseLongIds(stream, rows)
  const gone = new Set(idsOf(refused))
  const storable = gone.size === 0 ? rows : new Map([...rows].filter(([id]) => !gone.has(id)))
  const left = await loader.load(mirror, storable)
  if (left.size > 0) refused.push(...(await writeRows(session, mirror, left, state)))
  const ids = [...rows.keys()]
  if (state.resync(stream) === 'merge') await markSeen(session, stream, ids)
  if (state.audited.has(stream)) await markAudited(session, stream, ids)
  if (state.openLetters.has(stream)) {
    const again = new Set(idsOf(refused))
    await supersedeDeadLetters(
      session,
      stream,
      ids.filter((id) => !again.has(id)),
    )
  }
  return refused
}

/** Deletions are not among them: an earlier release may have taken the row in. */
function refuseLongIds(stream: string, rows: RowChanges): Rejected[] {
  const refused: Rejected[] = []
  for (const [id, { key, row }] of rows) {
    if (isStorable(id) || row === null) continue
    const reason = `the key has ${Buffer.byteLength(id)} bytes; a record whose key has more than ${longestId} is not taken in`
    refused.push({ stream, key, code: 'key-too-long', reason, raw: JSON.stringify(row) })
  }
  return refused
}

async function applyToStream(
  session: Session,
  change: Exclude<Change, { kind: 'upsert' | 'delete' }>,
  { rejected, state, cause }: Omit<Applying, 'loader'> & Pick<ChangePiece, 'rejected'>,
): Promise<void> {
  const { stream } = change
  const { source } = cause
  switch (change.kind) {
    case 'schema': {
      const mirror = { schema: state.schema, stream, columns: change.columns }
      const reshaped = await ensureMirror(session, mirror, {
        described: state.describe(stream),
        views: state.views,
      })
      await writeStreamColumns(session, { stream, source, columns: change.columns })
      if (reshaped) {
        // Postgres refuses a kept plan whose columns have other types now.
        await session.keepPlans(false)
        await noteRetyped(session, mirror, { state, cause })
      }
      state.setMirror(mirror)
      for (const { plan } of state.matches) checkPlan(plan, state.mirrors)
      // What changes next casts ids to the types of its key columns.
      if (reshaped) await reshapeMatched(session, state)
      return
    }
    case 'truncate':
      await deleteAllRows(session, state.mirror(stream), state)
      if (state.openLetters.has(stream)) await closeAllDeadLetters(session, stream, 'superseded')
      return
    case 'resync-begin':
      await beginResync(session, stream, { source, state })
      return
    case 'resync-end': {
      const letters = rejected.filter((letter) => letter.stream === stream)
      await endResync(session, change, { source, state, letters })
      return
    }
    default:
      change satisfies never
  }
}

function idsOf(rejected: readonly Rejected[]): string[] {
  return rejected.flatMap(({ key }) => (key ? [recordId(key)] : []))
}

/** An open resync whose end was refused stays refused until another end is judged. */
function noteVanished({ vanished }: ChangeBatch, state: WarehouseState): void {
  if (vanished === undefined) return
  const { stream, refusal } = vanished
  if (refusal !== null || state.resync(stream) === null) state.setRefusal(stream, refusal)
}

async function retractRecords(
  session: Session,
  { retracted = [] }: ChangeBatch,
  { openLetters }: WarehouseState,
): Promise<void> {
  for (const stream of new Set(retracted.map((record) => record.stream))) {
    if (!openLetters.has(stream)) continue
    const gone = retracted.filter((record) => record.stream === stream)
    await retractDeadLetters(
      session,
      stream,
      gone.map(({ rawSha256 }) => rawSha256),
    )
  }
}

async function rejectRecords(
  session: Session,
  rejected: readonly Rejected[],
  { state, cause: { source, position } }: Applying,
): Promise<void> {
  if (rejected.length === 0) return
  await openDeadLetters(session, { source, position, rejected })
  for (const { stream, key } of rejected) {
    state.openLetters.add(stream)
    // It was seen, if not understood: the row that stands for it must outlive the resync.
    if (key && state.resync(stream) === 'merge') await markSeen(session, stream, [recordId(key)])
  }
}
