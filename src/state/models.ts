import type { Json } from '../changes/ledger.ts'
import { keyTableName } from './key-table.ts'
import type { Session } from './session.ts'
import { isInUse } from './sql-states.ts'
import { updatable } from './updatable.ts'

export interface StoredModel {
  readonly model: number
  readonly match: string
  /** Of all that decides records, keys, scores and matches; empty once the version misses changes. */
  readonly fingerprint: string
  /** Of the match section of the configuration to which it belongs. */
  readonly origin: string
  readonly state: 'building' | 'published'
  /** Whether it is to be published as soon as it is whole. */
  readonly wanted: boolean
  /** Hash of how the warehouse table shows it; null before it was ever published. */
  readonly shown: string | null
  /** Fingerprint of what decides scores and keys, and the thresholds in milli-bits. */
  readonly scores: string
  readonly threshold: number
  /** The match as it was configured, from which the version can be compiled again; `jsonb` has put its keys in order. */
  readonly configured: Json
  /** What was learnt from the data beside it, or null. */
  readonly calibration: Json
  /** The fields of its records, in their order. */
  readonly fields: readonly string[]
}

/** The tables of which every model version has a partition of its own, so that a version is dropped at once. */
const versioned = ['match_record', 'match_key', 'match_pair', 'match_assignment'] as const

/** Whoever reads or writes a version waits as long while another one's tables are to be dropped. */
const mostLockMs = 50

/** The versions of a match by number. */
export async function readModels(session: Session, match: string): Promise<StoredModel[]> {
  const rows = await session.query(
    `select model, match, fingerprint, origin, state, wanted, shown, definition ->> 'fingerprint',
            definition ->> 'threshold', definition -> 'configured', definition -> 'calibration', definition -> 'fields'
       from syncline.model where match = $1 order by model`,
    [match],
  )
  return rows.map(([model, name, fingerprint, origin, state, wanted, shown, scores, threshold, ...json]) => ({
    model: Number(model),
    match: name ?? '',
    fingerprint: fingerprint ?? '',
    origin: origin ?? '',
    state: state === 'published' ? 'published' : 'building',
    wanted: wanted === 't',
    shown: shown ?? null,
    scores: scores ?? '',
    threshold: Number(threshold),
    configured: JSON.parse(json[0] ?? 'null') as Json,
    calibration: JSON.parse(json[1] ?? 'null') as Json,
    fields: JSON.parse(json[2] ?? '[]') as string[],
  }))
}

/** The same for a warehouse that may have no state yet. */
export async function findModels(session: Session, match: string): Promise<StoredModel[]> {
  const [exists] = await session.one(`select to_regclass('syncline.model') is not null`)
  return exists === 't' ? readModels(session, match) : []
}

/** How many records of a version, and joined rows of its records, wait to be re-matched. */
export async function countWaiting(session: Session, model: number): Promise<number> {
  const [waiting] = await session.one(
    `select (select count(*) from syncline.match_queue where model = $1)
          + (select count(*) from syncline.match_fan_out where model = $1)`,
    [model],
  )
  return Number(waiting)
}

/** Has a version that is being built published when it is whole, and none of the others of its match. */
export async function wantModel(
  session: Session,
  { match, model }: Pick<StoredModel, 'match' | 'model'>,
): Promise<void> {
  await session.query(
    `update syncline.model set wanted = (model = $2) where match = $1 and state = 'building'`,
    [match, model],
  )
}

/** Adds a version with empty tables and returns its number, which no other version ever had. */
export async function createModel(
  session: Session,
  {
    match,
    fingerprint,
    origin,
    wanted,
    definition,
  }: Pick<StoredModel, 'match' | 'fingerprint' | 'origin' | 'wanted'> & { definition: Json },
): Promise<number> {
  const [model] = await session.one(
    `with given as (update syncline.model_number set last_model = last_model + 1 returning last_model)
     insert into syncline.model (model, match, fingerprint, origin, wanted, definition, state)
     select last_model, $1, $2, $3, $4, $5::jsonb, 'building' from given returning model`,
    [match, fingerprint, origin, wanted, JSON.stringify(definition)],
  )
  for (const table of versioned) {
    const storage = table === 'match_key' ? 'partition by list (side)' : updatable
    // Made as a partition at once it would wait for all who read the partitions of others.
    await session.query(
      `create table syncline.${table}_${model} (like syncline.${table} including defaults including constraints) ${storage};
       alter table syncline.${table} attach partition syncline.${table}_${model} for values in (${model})`,
    )
  }
  // Attached when the version is published: whoever looks into the keys of all versions waits for none that is loading.
  // What is checked meanwhile is what a partition must prove, so that none of its rows is looked at then.
  for (const side of ['l', 'r'] as const) {
    const table = keyTableName(Number(model), side)
    await session.query(
      `create table ${table} (like syncline.match_key,
         check (model is not null and model = ${model} and side is not null and side = '${side}'::"char"));
       alter table ${table} alter column model set default ${model}, alter column side set default '${side}'`,
    )
  }
  return Number(model)
}

/**
 * Makes a version the one that the warehouse shows; a published one stays it. The version published before must be
 * dropped first.
 */
export async function publishModel(session: Session, model: number): Promise<void> {
  const count = await session.execute(
    `update syncline.model set state = 'published', published_at = now() where model = $1 and state = 'building'`,
    [model],
  )
  if (count === 0) return
  for (const side of ['l', 'r'] as const) {
    await session.query(
      `alter table syncline.match_key_${model} attach partition ${keyTableName(model, side)} for values in ('${side}')`,
    )
  }
}

/** Notes how the warehouse table shows a version. */
export async function setShown(session: Session, model: number, shown: string): Promise<void> {
  await session.query('update syncline.model set shown = $2 where model = $1', [model, shown])
}

/**
 * Takes the fingerprint from every version but these: they miss changes from now on, so that a configuration that
 * comes back must not find them again. A published one stays published until another takes its place.
 */
export async function forgetFingerprints(session: Session, live: readonly number[]): Promise<void> {
  await session.query(`update syncline.model set fingerprint = '' where model <> all($1)`, [live])
}

/** Forgets a version. Its tables stay until `dropForgottenTables`. */
export async function dropModel(session: Session, model: number): Promise<void> {
  for (const table of ['match_queue', 'match_fan_out', 'match_figure']) {
    await session.query(`delete from syncline.${table} where model = $1`, [model])
  }
  await session.query('delete from syncline.model where model = $1', [model])
}

/**
 * Drops the tables of versions that there are no more, but for those on which a view of somebody depends, and those that
 * would have to wait for somebody who reads them or others of their kind, a comparison or an analyst: nobody may wait
 * behind us for long. They are dropped another time. Needs that no transaction is open.
 */
export async function dropForgottenTables(session: Session): Promise<void> {
  const rows = await session.query(
    `select distinct number from pg_class c
      cross join lateral substring(c.relname from '^(?:${versioned.join('|')})_([0-9]+)(?:_[lr])?$') as number
      where c.relnamespace = 'syncline'::regnamespace and c.relkind in ('r', 'p') and number is not null
        and not exists (select from syncline.model m where m.model = number::integer)
      order by number`,
  )
  for (const [number] of rows) {
    const model = Number(number)
    const tables = [
      ...versioned.map((table) => `syncline.${table}_${model}`),
      ...(['l', 'r'] as const).map((side) => keyTableName(model, side)),
    ]
    try {
      await session.transaction(async () => {
        await session.query(`set local lock_timeout = '${mostLockMs}ms'`)
        for (const table of tables) await session.query(`drop table if exists ${table}`)
      })
    } catch (error) {
      if (!isInUse(error)) throw error
    }
  }
}
