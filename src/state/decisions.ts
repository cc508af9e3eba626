import type { Side } from './key-table.ts'
import type { Session } from './session.ts'

/** `must`: the same person, above every score. `cannot`: never a pair. */
export type Verdict = 'must' | 'cannot'

export interface DecidedPair {
  readonly left: string
  readonly right: string
  readonly verdict: Verdict
}

export interface Decision extends DecidedPair {
  readonly by: string
  readonly reason: string | null
  /** As Postgres prints it, UTC. */
  readonly at: string
}

/** The standing decisions about records of one side. */
export async function readDecisions(
  session: Session,
  { match, side, ids }: { match: string; side: Side; ids: readonly string[] },
): Promise<DecidedPair[]> {
  if (ids.length === 0) return []
  const column = side === 'l' ? 'left_id' : 'right_id'
  const rows = await session.query(
    `select left_id, right_id, verdict from syncline.match_decision
      where match = $1 and ${column} = any($2) and undone_at is null`,
    [match, ids],
  )
  return rows.map(([left, right, verdict]) => ({
    left: left ?? '',
    right: right ?? '',
    verdict: verdict === 'must' ? 'must' : 'cannot',
  }))
}

/** The standing accepts of other pairs that share one record with this pair: of all of them at most one can be matched. */
export async function contradictedAccepts(
  session: Session,
  match: string,
  { left, right }: { left: string; right: string },
): Promise<Pick<DecidedPair, 'left' | 'right'>[]> {
  const rows = await session.query(
    `select left_id, right_id from syncline.match_decision
      where match = $1 and (left_id = $2 or right_id = $3) and (left_id, right_id) <> ($2, $3)
        and verdict = 'must' and undone_at is null order by left_id, right_id`,
    [match, left, right],
  )
  return rows.map(([otherLeft, otherRight]) => ({ left: otherLeft ?? '', right: otherRight ?? '' }))
}

/** The standing decisions of a match in the order of its ids, in pieces. Needs no transaction. */
export async function* eachDecision(session: Session, match: string): AsyncGenerator<Decision[]> {
  const limit = 1_000
  let last = ['', '']
  for (;;) {
    const rows = await session.query(
      `select left_id, right_id, verdict, decided_by, reason, decided_at from syncline.match_decision
        where match = $1 and undone_at is null and (left_id, right_id) > ($2, $3)
        order by left_id, right_id limit $4`,
      [match, ...last, limit],
    )
    if (rows.length > 0) yield rows.map(decisionOf)
    if (rows.length < limit) return
    last = [rows.at(-1)?.[0] ?? '', rows.at(-1)?.[1] ?? '']
  }
}

function decisionOf([left, right, verdict, by, reason, at]: readonly (string | null)[]): Decision {
  return {
    left: left ?? '',
    right: right ?? '',
    verdict: verdict === 'must' ? 'must' : 'cannot',
    by: by ?? '',
    reason: reason ?? null,
    at: at ?? '',
  }
}

/**
 * Writes a decision; one that stands about the same pair is replaced. Returns false if it says the same already. `at`: when
 * it was made, where that was not now. If that very decision was taken back here it is made anew, and that is now.
 */
export async function writeDecision(
  session: Session,
  match: string,
  { left, right, verdict, by, reason, at }: Omit<Decision, 'at'> & Partial<Pick<Decision, 'at'>>,
): Promise<boolean> {
  const pair = [match, left, right]
  const [same] = await session.one(
    `select exists (select from syncline.match_decision
                     where match = $1 and left_id = $2 and right_id = $3 and verdict = $4 and undone_at is null)`,
    [...pair, verdict],
  )
  if (same === 't') return false
  await undoDecision(session, match, { left, right, by })
  await session.query(
    `insert into syncline.match_decision (match, left_id, right_id, verdict, decided_by, reason, decided_at)
     values ($1, $2, $3, $4, $5, $6,
             coalesce((select $7::timestamptz
                        where not exists (select from syncline.match_decision
                                           where match = $1 and left_id = $2 and right_id = $3
                                             and decided_at = $7::timestamptz)), clock_timestamp()))`,
    [...pair, verdict, by, reason, at ?? null],
  )
  return true
}

/** Takes a standing decision back. Returns whether there was one. */
export async function undoDecision(
  session: Session,
  match: string,
  { left, right, by }: { left: string; right: string; by: string },
): Promise<boolean> {
  const count = await session.execute(
    `update syncline.match_decision set undone_at = clock_timestamp(), undone_by = $4
      where match = $1 and left_id = $2 and right_id = $3 and undone_at is null`,
    [match, left, right, by],
  )
  return count > 0
}
