import { comparePairs } from '../../src/match/order.ts'
import type { StoredPair } from '../../src/state/matches.ts'
import type { Session } from '../../src/state/session.ts'
import type { MatchedRecord, MatchedRecords } from './people-script.ts'

/** A published match of people and users as `person-user weight`. */
export async function matchedRows(session: Session, match = 'person_match'): Promise<string[]> {
  const rows = await session.query(
    `select person_id || '-' || user_id || ' ' || match_weight from warehouse.${match}`,
  )
  return rows.map(([row]) => row ?? '').sort()
}

/** The stored pairs in their order. Throws when the two sides do not tell the same. */
export async function storedPairs(session: Session, model: number): Promise<StoredPair[]> {
  const read = async (side: 'l' | 'r'): Promise<StoredPair[]> => {
    const [left, right] = side === 'l' ? ['id', 'partner'] : ['partner', 'id']
    const rows = await session.query(
      `select ${left}, ${right}, score, summands from syncline.match_pair where model = $1 and side = $2`,
      [model, side],
    )
    return rows
      .map(([l, r, score, summands]) => ({
        left: l ?? '',
        right: r ?? '',
        score: Number(score),
        summands: summands ?? '',
      }))
      .sort(comparePairs)
  }
  const [ofLeft, ofRight] = [await read('l'), await read('r')]
  const once = ofLeft.map((pair) => ({ ...pair, summands: '' }))
  if (JSON.stringify(once) !== JSON.stringify(ofRight)) throw new Error('both sides of the pairs differ')
  return ofLeft
}

/** The matcher's own records of the people match. */
export async function storedRecords(session: Session, model: number): Promise<MatchedRecords> {
  const read = async (side: 'l' | 'r'): Promise<MatchedRecord[]> => {
    const rows = await session.query(
      `select id, fields[1], fields[2], fields[3] from syncline.match_record where model = $1 and side = $2`,
      [model, side],
    )
    return rows.map(([id, ...fields]) => ({ id: id ?? '', fields }))
  }
  return { left: await read('l'), right: await read('r') }
}

/** What the change feed makes of an empty table: rows as JSON texts. Throws when a change does not fit the row before. */
export async function feedFold(session: Session, match: string): Promise<string[]> {
  const rows = await session.query(
    `select left_id, kind, before::text, after::text from syncline.match_change
      where match = $1 order by change, left_id`,
    [match],
  )
  const table = new Map<string, string>()
  for (const [id, kind, before, after] of rows) {
    const found = table.get(id ?? '') ?? null
    if (found !== before)
      throw new Error(`${kind} of ${id}: the row before was ${found}, the feed says ${before}`)
    if (after == null) table.delete(id ?? '')
    else table.set(id ?? '', after)
  }
  return [...table.values()].sort()
}
