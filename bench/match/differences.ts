import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { packageFile } from '../../src/runtime/package-file.ts'
import type { Session } from '../../src/state/session.ts'
import type { Systems } from '../tail/systems.ts'

/** Of each stage, how many rows are not what those before it say: 0 everywhere if all is right. */
export interface Differences {
  /** Of the mirrors, to the tables at the source. */
  readonly mirrors: number
  /** Of the match's own records, to the mirrors. */
  readonly records: number
  /** Of blocking keys, pairs and assignment, to a batch over those records. */
  readonly match: number
  /** Of the matched table, to the assignment. */
  readonly table: number
}

/** Compares what following has made with a batch over the final data, while the daemon runs. */
export async function findDifferences(systems: Systems, session: Session): Promise<Differences> {
  const streams = await verify<{ missing: number; different: number; extra: number }>(systems, [])
  const [match] = await verify<Record<'keys' | 'pairs' | 'assignment', Compared>>(systems, ['user_match'])
  const parts = match ? [match.keys, match.pairs, match.assignment] : []
  return {
    mirrors: sum(streams.map(differing)),
    records: await countRecords(session),
    match: match ? sum(parts.map(differing)) : NaN,
    table: await countTable(session),
  }
}

interface Compared {
  readonly missing: number
  readonly different: number
  readonly extra: number
}

const differing = ({ missing, different, extra }: Compared): number => missing + different + extra

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

/** Runs `syncline verify` and reads what it prints, a JSON text a line. Its exit code tells of differences too. */
async function verify<T>({ configFile, environment }: Systems, what: readonly string[]): Promise<T[]> {
  const program = packageFile('dist', 'src', 'main.js')
  const args = [program, 'verify', ...what, '--json', '-c', configFile, '--log-level', 'warn']
  const { stdout } = await promisify(execFile)(process.execPath, args, { env: environment }).catch(
    (error: unknown) => {
      const { code, stdout } = error as { code: unknown; stdout: string }
      if (code === 1 && stdout !== '') return { stdout }
      throw error
    },
  )
  const lines = stdout.split('\n').filter((line) => line !== '')
  return lines.map((line) => JSON.parse(line) as T)
}

async function countRecords(session: Session): Promise<number> {
  const [n] = await session.one(
    `with expected as (
       select 'l'::"char" as side, u.id::text as id,
              array[u.firstname, u.lastname, u.specialty, p.location, u.classification, u.platform_registered_on,
                    u.last_active_date::text]::text[] as fields
         from warehouse.internal_user u left join warehouse.internal_practice p on p.id = u.practice_id
       union all
       select 'r', id::text, array[firstname, lastname, specialty, practice_location, user_type_classification, null,
                                   last_active_date::text]::text[]
         from warehouse.vendor_user)
     select count(*) from expected e full join syncline.match_record r on r.side = e.side and r.id = e.id
      where e.fields is distinct from r.fields`,
  )
  return Number(n)
}

async function countTable(session: Session): Promise<number> {
  const [n] = await session.one(
    `select count(*)
       from (select * from syncline.match_assignment where side = 'l') a
       full join warehouse.user_match t on t.internal_id::text = a.id
       left join syncline.match_record l on l.side = 'l' and l.id = a.id
       left join syncline.match_record r on r.side = 'r' and r.id = a.partner
      where a.partner is distinct from t.vendor_id::text
         or t.internal_first_name is distinct from l.fields[1] or t.vendor_first_name is distinct from r.fields[1]
         or t.internal_last_name is distinct from l.fields[2] or t.vendor_last_name is distinct from r.fields[2]
         or t.internal_last_active_date::text is distinct from l.fields[7]
         or t.vendor_last_active_date::text is distinct from r.fields[7]`,
  )
  return Number(n)
}
