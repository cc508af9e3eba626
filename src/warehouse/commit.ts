import type { Change } from '../changes/change.ts'
import type { ChangeBatch, ChangePiece, Rejected } from '../changes/change-batch.ts'
import { covers } from '../changes/position.ts'
import type { Source } from '../changes/source.ts'
import { BugError } from '../runtime/errors.ts'
import type { Cause } from '../state/causes.ts'
import { openDeadLetters, retractDeadLetters, supersedeDeadLetters } from '../state/dead-letters.ts'
import type { KeyTable } from '../state/key-table.ts'
import { writeLedger } from '../state/ledger.ts'
import { compareAndSetPosition, readPosition } from '../state/positions.ts'
import { isStorable, longestId, recordId } from '../state/record-id.ts'
import type { Session } from '../state/session.ts'
import { markSeen, writeStreamColumns } from '../state/streams.ts'
import { compareWithMirror, markAudited } from './audit.ts'
import { checkPlan } from './check-plan.ts'
import { loadRows } from './load-rows.ts'
import { ensureMirror } from './mirror-table.ts'
import { noting } from './noting.ts'
import { rematch } from './rematch.ts'
import { reshapeMatched } from './publish.ts'
import { beginResync, endResync } from './resync.ts'
import { noteRetyped } from './retyped-streams.ts'
import type { WarehouseState } from './warehouse-state.ts'
import { deleteAllRows, writeRows, type RowChange, type RowChanges } from './write-rows.ts'

/**
 * Commits one batch: mirrored rows, match state, dead letters, ledger, position and the fencing check, all or
 * nothing. Returns false for a batch that was delivered again, of which nothing is written.
 */
export async function commitBatch(
  session: Session,
  source: Source,
  batch: ChangeBatch,
  state: WarehouseState,
): Promise<boolean> {
  const draft = state.draft()
  const noted = await notingKeys(session, draft, async () => {
    const moved = await compareAndSetPosition(session, { source: source.name, ...batch })
    if (!moved) {
      await refuseUnlessDeliveredAgain(session, source, batch)
      return null
    }
    await writeLedger(session, source.name, batch.ledger)
    const cause: Cause = {
      kind: 'source',
      source: source.name,
      position: batch.after,
      committedAt: batch.committedAt,
    }
    await retractRecords(session, batch, draft)
    const applying = { source: source.name, position: batch.after, state: draft, cause }
    await applyPiece(session, batch, applying)
    for await (const piece of batch.rest ?? []) await applyPiece(session, piece, applying)
    // What a batch judges comes after what it changes: a resync that it begins has not been refused before.
    noteVanished(batch, draft)
    if (batch.audit) await compareWithMirror(session, batch.audit, draft)
    if ([...draft.mirrors].some(([stream, mirror]) => state.mirrors.get(stream) !== mirror)) {
      await reshapeMatched(session, draft)
    }
    return rematch(session, draft, cause)
  })
  if (noted !== null) state.adopt(draft)
  for (const table of keyTables(state)) await table.indexIfDue(session)
  return noted !== null
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
  throw new BugError({
    code: 'position-gap',
    message: `source ${source.name} delivered a batch from ${batch.before} but ${stored} is what was committed`,
  })
}

interface Applying {
  readonly source: string
  /** The serialised position that is committed with the changes. */
  readonly position: string
  readonly state: WarehouseState
  readonly cause: Cause
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
  { source, rejected, state, cause }: Applying & Pick<ChangePiece, 'rejected'>,
): Promise<Rejected[]> {
  /** By stream and record: one that a later change puts right is not among them any more. */
  const refused = new Map<string, Rejected>()
  const pending = new Map<string, Map<string, RowChange>>()
  const flush = async (): Promise<void> => {
    for (const [stream, rows] of pending) {
      for (const id of rows.keys()) refused.delete(`${stream} ${id}`)
      for (const rejected of await writeStream(session, { stream, rows, state })) {
        refused.set(`${stream} ${recordId(rejected.key ?? [])}`, rejected)
      }
    }
    pending.clear()
  }
  for (const change of changes) {
    if (change.kind === 'upsert' || change.kind === 'delete') {
      const rows = pending.get(change.stream) ?? new Map<string, RowChange>()
      pending.set(change.stream, rows)
      rows.set(recordId(change.key), { key: change.key, row: change.kind === 'upsert' ? change.row : null })
    } else {
      await flush()
      await applyToStream(session, change, { source, rejected, state, cause })
    }
  }
  await flush()
  return [...refused.values()]
}

async function writeStream(
  session: Session,
  { stream, rows, state }: { stream: string; rows: RowChanges; state: WarehouseState },
): Promise<Rejected[]> {
  const mirror = state.mirror(stream)
  const refused = refuseLongIds(stream, rows)
  const storable = refused.length === 0 ? rows : new Map([...rows].filter(([id]) => isStorable(id)))
  const left = await loadRows(session, mirror, { rows: storable, state })
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

/** No row has such an id, so nothing is to be deleted either. */
function refuseLongIds(stream: string, rows: RowChanges): Rejected[] {
  return [...rows].flatMap(([id, { key, row }]): Rejected[] => {
    if (isStorable(id) || row === null) return []
    const reason = `the key has ${Buffer.byteLength(id)} bytes; a record whose key has more than ${longestId} is not taken in`
    return [{ stream, key, code: 'key-too-long', reason, raw: JSON.stringify(row) }]
  })
}

async function applyToStream(
  session: Session,
  change: Exclude<Change, { kind: 'upsert' | 'delete' }>,
  { source, rejected, state, cause }: Omit<Applying, 'position'> & Pick<ChangePiece, 'rejected'>,
): Promise<void> {
  const { stream } = change
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
  { source, position, state }: Applying,
): Promise<void> {
  if (rejected.length === 0) return
  await openDeadLetters(session, { source, position, rejected })
  for (const { stream, key } of rejected) {
    state.openLetters.add(stream)
    // It was seen, if not understood: the row that stands for it must outlive the resync.
    if (key && state.resync(stream) === 'merge') await markSeen(session, stream, [recordId(key)])
  }
}
