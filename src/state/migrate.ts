import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { OperatorError } from '../runtime/errors.ts'
import { packageFile } from '../runtime/package-file.ts'
import { identifier } from './identifiers.ts'
import type { Session } from './session.ts'

interface Migration {
  readonly version: number
  readonly name: string
  readonly sql: string
  /** SHA-256 of the file, so that an edited migration is noticed. */
  readonly checksum: string
}

export interface Migrated {
  /** File names applied by this call, in order. */
  readonly applied: readonly string[]
  readonly version: number
}

/** Any constant does, so long as nobody else uses it: "syncline" in ASCII. */
const migrationLock = '0x73796e636c696e65'

/**
 * Brings the state schema up to date in one transaction. Safe under concurrent start: the others wait and find
 * nothing to do. Throws an `OperatorError` when the database was migrated by a newer Syncline, or by an edited file.
 */
export async function migrate(session: Session): Promise<Migrated> {
  const migrations = await readMigrations()
  return session.transaction(async () => {
    await session.query('select pg_advisory_xact_lock($1::bigint)', [BigInt(migrationLock).toString()])
    await ensureSchema(session, 'syncline')
    await session.query(
      `create table if not exists syncline.migration (
         version integer primary key, name text not null, checksum text not null,
         applied_at timestamptz not null default now());
       comment on table syncline.migration is 'The numbered files under migrations/ that made this schema.';
       comment on column syncline.migration.version is 'The number of the file.';
       comment on column syncline.migration.name is 'The name of the file.';
       comment on column syncline.migration.checksum is 'SHA-256 of the file as it was applied.';
       comment on column syncline.migration.applied_at is 'When it was applied.'`,
    )
    const done = new Map(
      (await session.query('select version, name, checksum from syncline.migration')).map(
        ([version, name, checksum]) => [Number(version), { name, checksum }],
      ),
    )
    refuseForeign(migrations, done)
    const pending = migrations.filter(({ version }) => !done.has(version))
    for (const { version, name, checksum, sql } of pending) {
      await session.query(sql)
      await session.query('insert into syncline.migration (version, name, checksum) values ($1, $2, $3)', [
        version,
        name,
        checksum,
      ])
    }
    return { applied: pending.map(({ name }) => name), version: migrations.at(-1)?.version ?? 0 }
  })
}

/**
 * For whoever only reads the state: throws an `OperatorError` when it is there and of another release. Changes nothing.
 */
export async function requireMigrated(session: Session): Promise<void> {
  const [exists] = await session.one(`select to_regclass('syncline.migration') is not null`)
  if (exists !== 't') return
  const migrations = await readMigrations()
  const rows = await session.query('select version, name, checksum from syncline.migration')
  refuseForeign(
    migrations,
    new Map(rows.map(([version, name, checksum]) => [Number(version), { name, checksum }])),
  )
  const missing = migrations.find(({ version }) => !rows.some(([done]) => Number(done) === version))
  if (!missing) return
  throw new OperatorError({
    area: 'configuration',
    code: 'state-outdated',
    message: `the state schema is of an older release: it lacks ${missing.name}`,
    hint: 'run `syncline migrate`, or start `syncline run` of this release',
  })
}

/** Owning the schema is enough: `create schema if not exists` would ask for more than that. */
export async function ensureSchema(session: Session, schema: string): Promise<void> {
  const found = await session.query('select from pg_namespace where nspname = $1', [schema])
  if (found.length === 0) await session.query(`create schema if not exists ${identifier(schema)}`)
}

function refuseForeign(
  migrations: readonly Migration[],
  done: ReadonlyMap<number, { name: string | null | undefined; checksum: string | null | undefined }>,
): void {
  const known = new Map(migrations.map((migration) => [migration.version, migration]))
  for (const [version, { name, checksum }] of done) {
    const migration = known.get(version)
    if (!migration) {
      throw new OperatorError({
        area: 'configuration',
        code: 'warehouse-newer',
        message: `the warehouse was migrated to version ${version} (${name}), this Syncline knows only ${migrations.length}`,
        hint: 'run the newer Syncline that migrated it, or point this one at another warehouse',
      })
    }
    if (migration.checksum !== checksum) {
      throw new OperatorError({
        area: 'configuration',
        code: 'migration-edited',
        message: `the warehouse was migrated by another text of ${migration.name}`,
        hint: 'install the release that migrated it; a migration is never edited once released',
      })
    }
  }
}

async function readMigrations(): Promise<Migration[]> {
  const directory = packageFile('migrations')
  const names = (await readdir(directory)).filter((name) => /^\d{4}_.*\.sql$/.test(name)).sort()
  return Promise.all(
    names.map(async (name) => {
      const sql = await readFile(`${directory}/${name}`, 'utf8')
      return {
        version: Number(name.slice(0, 4)),
        name,
        sql,
        checksum: createHash('sha256').update(sql).digest('hex'),
      }
    }),
  )
}
