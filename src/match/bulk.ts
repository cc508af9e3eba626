import type { Session } from '../state/session.ts'
import { GreedyAssignment } from './assign.ts'
import type { Model } from './model.ts'

const pairsPerFetch = 20_000

/** For sorts and hashes of a whole match; what needs more goes through files. */
const workMem = '32MB'

/**
 * Makes the stored assignment the greedy one over the stored pairs, writing only what differs. Returns the number of
 * matches. Needs an open transaction. With an up-to-date set of pairs the result is a function of the data alone.
 */
export async function assignAll(session: Session, number: number, model: Model): Promise<number> {
  const total = await pickAssignment(session, assignmentQuery(number, model.threshold))
  await removeUnpicked(session, number)
  await addPicked(session, number)
  await session.query('drop table picked_pair')
  // A tenth of the usual sample: it says how large they are, and everybody waits for it.
  await session.query(
    `set local default_statistics_target = 10; analyze syncline.match_assignment_${number}, syncline.match_record_${number};
     set local default_statistics_target to default`,
  )
  return total
}

/** The stored pairs of a version at or above a threshold (milli-bits), as `pickAssignment` takes them. */
export function assignmentQuery(number: number, threshold: number): { query: string; values: number[] } {
  return {
    query: `select id, partner, score, dense_rank() over (order by id), dense_rank() over (order by partner)
              from syncline.match_pair_${number} where model = $1 and side = 'l' and score >= $2
             order by score desc, id, partner`,
    values: [number, threshold],
  }
}

/**
 * Fills the temporary table `picked_pair`, which it makes, with the greedy assignment over pairs that stream through a
 * cursor: `query` gives left id, right id, score and a dense number for each record, best first. One bit per record.
 * Returns the number of matches. Needs an open transaction.
 */
export async function pickAssignment(
  session: Session,
  { query, values }: { query: string; values: readonly number[] },
): Promise<number> {
  await session.query(
    `create temporary table picked_pair (
       left_id text collate "C" not null, right_id text collate "C" not null, score integer not null) on commit drop`,
  )
  await session.query(`set local cursor_tuple_fraction = 1; set local work_mem = '${workMem}'`)
  await session.query(`declare ordered_pair no scroll cursor for ${query}`, values)
  const assignment = new GreedyAssignment()
  let total = 0
  for (;;) {
    const rows = await session.query(`fetch ${pairsPerFetch} from ordered_pair`)
    const picked = rows.filter(([, , , left, right]) => assignment.accept(Number(left), Number(right)))
    total += picked.length
    if (picked.length > 0) await insertPicked(session, picked)
    if (rows.length < pairsPerFetch) break
  }
  await session.query('close ordered_pair')
  await session.query('analyze picked_pair')
  return total
}

async function insertPicked(session: Session, picked: readonly (string | null)[][]): Promise<void> {
  const column = (place: number): (string | null)[] => picked.map((row) => row[place] ?? null)
  await session.query('insert into picked_pair select * from unnest($1::text[], $2::text[], $3::integer[])', [
    column(0),
    column(1),
    column(2),
  ])
}

const pickedSides = `(select 'l'::"char" as side, left_id as id, right_id as partner, score from picked_pair
  union all select 'r', right_id, left_id, score from picked_pair)`

async function removeUnpicked(session: Session, number: number): Promise<void> {
  await session.query(
    `delete from syncline.match_assignment a
      where a.model = $1 and not exists (
        select from ${pickedSides} p where p.side = a.side and p.id = a.id and p.partner = a.partner)`,
    [number],
  )
}

/** Two statements: rows for which a conflict is looked for take twice as long to insert, and most versions have none yet. */
async function addPicked(session: Session, number: number): Promise<void> {
  const table = `syncline.match_assignment_${number}`
  await session.query(
    `update ${table} a set score = p.score from ${pickedSides} p
      where a.model = $1 and a.side = p.side and a.id = p.id and a.score <> p.score`,
    [number],
  )
  await session.query(
    `insert into ${table} (model, side, id, partner, score)
     select $1::integer, side, id, partner, score from ${pickedSides} p
      where not exists (select from ${table} a where a.model = $1 and a.side = p.side and a.id = p.id)
      order by id`,
    [number],
  )
}

/**
 * How many matches have a rival that scores within `marginMilliBits` of them at either end: these hang on small
 * differences and deserve a look.
 */
export async function countAmbiguous(
  session: Session,
  number: number,
  marginMilliBits: number,
): Promise<number> {
  const [count] = await session.one(
    `select count(distinct case a.side when 'l' then a.id else a.partner end)
       from syncline.match_assignment a
       join syncline.match_pair p on p.model = a.model and p.side = a.side and p.id = a.id and p.partner <> a.partner
      where a.model = $1 and p.score >= a.score - $2`,
    [number, marginMilliBits],
  )
  return Number(count)
}
