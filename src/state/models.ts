import type { Json } from '../changes/ledger.ts'
import { keyTableName } from './key-table.ts'
import type { Session } from './session.ts'
import { updatable } from './updatable.ts'

export interface StoredModel {
  readonly model: number
  readonly fingerprint: string
  readonly state: 'building' | 'published'
  /** Hash of how the warehouse table shows it; null before it was ever published. */
  readonly shown: string | null
}

/** The tables of which every model version has a partition of its own, so that a version is dropped at once. */
const versioned = ['match_record', 'match_key', 'match_pair', 'match_assignment'] as const

export async function readModels(session: Session, match: string): Promise<StoredModel[]> {
  const rows = await session.query(
    'select model, fingerprint, state, shown from syncline.model where match = $1 order by model',
    [match],
  )
  return rows.map(([model, fingerprint, state, shown]) => ({
    model: Number(model),
    fingerprint: fingerprint ?? '',
    state: state === 'published' ? 'published' : 'building',
    shown: shown ?? null,
  }))
}

export interface PublishedModel {
  readonly model: number
  /** Fingerprint of what decides scores and keys, and the threshold in milli-bits, as they were published. */
  readonly scores: string
  readonly threshold: number
  /** The match as it was configured, from which the version can be compiled again; `jsonb` has put its keys in order. */
  readonly configured: Json
  /** The fields of its records, in their order. */
  readonly fields: readonly string[]
}

/** The version that the warehouse shows; null before the first, also when there is no state schema yet. */
export async function readPublishedModel(session: Session, match: string): Promise<PublishedModel | null> {
  const [exists] = await session.one(`select to_regclass('syncline.model') is not null`)
  if (exists !== 't') return null
  const [row] = await session.query(
    `select model, definition ->> 'fingerprint', definition ->> 'threshold', definition -> 'configured',
            definition -> 'fields'
       from syncline.model where match = $1 and state = 'published'`,
    [match],
  )
  if (!row) return null
  return {
    model: Number(row[0]),
    scores: row[1] ?? '',
    threshold: Number(row[2]),
    configured: JSON.parse(row[3] ?? 'null') as Json,
    fields: JSON.parse(row[4] ?? '[]') as string[],
  }
}

/** Adds a version with empty tables and returns its number, which no other version ever had. */
export async function createModel(
  session: Session,
  { match, fingerprint, definition }: { match: string; fingerprint: string; definition: Json },
): Promise<number> {
  const [model] = await session.one(
    `with given as (update syncline.model_number set last_model = last_model + 1 returning last_model)
     insert into syncline.model (model, match, fingerprint, definition, state)
     select last_model, $1, $2, $3::jsonb, 'building' from given returning model`,
    [match, fingerprint, JSON.stringify(definition)],
  )
  for (const table of versioned) {
    const storage = table === 'match_key' ? 'partition by list (side)' : updatable
    await session.query(
      `create table syncline.${table}_${model} partition of syncline.${table} for values in (${model}) ${storage}`,
    )
  }
  // Attached when the version is published: until then they may do without an index.
  for (const side of ['l', 'r'] as const) {
    await session.query(`create table ${keyTableName(Number(model), side)} (like syncline.match_key)`)
  }
  return Number(model)
}

/**
 * Makes a version the one that the warehouse shows; a published one stays it. The version published before must be
 * dropped first, and the key tables must have their index.
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

export async function dropModel(session: Session, model: number): Promise<void> {
  for (const table of versioned) await session.query(`drop table if exists syncline.${table}_${model}`)
  for (const side of ['l', 'r'] as const)
    await session.query(`drop table if exists ${keyTableName(model, side)}`)
  for (const table of ['match_queue', 'match_fan_out', 'match_figure']) {
    await session.query(`delete from syncline.${table} where model = $1`, [model])
  }
  await session.query('delete from syncline.model where model = $1', [model])
}
