import type { Defect } from '../changes/source.ts'
import { identifier, literal } from '../state/identifiers.ts'
import type { Session } from '../state/session.ts'

/** The oldest Postgres that has all that Syncline asks of it. */
export const oldestVersion = 140_000

/** Connections of a running Syncline, and one for whoever asks for its status. */
const sessions = 4

/** Everything that would keep the warehouse from being written, or from keeping what is written. */
export async function warehouseDefects(session: Session, schema: string): Promise<Defect[]> {
  const [version, database, user, readOnly] = await session.one(
    `select current_setting('server_version_num'), current_database(), current_user,
            current_setting('transaction_read_only')`,
  )
  const defects: Defect[] = []
  if (Number(version) < oldestVersion) {
    defects.push({
      severity: 'fatal',
      code: 'warehouse-too-old',
      message: `the warehouse runs Postgres ${version}, Syncline needs ${oldestVersion} (14) or later`,
      cure: 'Upgrade Postgres, or leave the warehouse url out to use the embedded one.',
    })
  }
  if (readOnly === 'on') {
    defects.push({
      severity: 'fatal',
      code: 'warehouse-read-only',
      message: 'the warehouse takes no writes: it is a standby, or default_transaction_read_only is on',
      cure: 'Point the warehouse url at the primary.',
    })
  }
  for (const name of ['syncline', schema]) {
    defects.push(...(await schemaDefects(session, { name, database: database ?? '', user: user ?? '' })))
  }
  return [...defects, ...(await settingDefects(session))]
}

async function schemaDefects(
  session: Session,
  { name, database, user }: { name: string; database: string; user: string },
): Promise<Defect[]> {
  const [there, mayUse, mayCreate] = await session.one(
    `select exists (select from pg_namespace where nspname = $1),
            coalesce((select has_schema_privilege(oid, 'create, usage') from pg_namespace where nspname = $1), false),
            has_database_privilege(current_database(), 'create')`,
    [name],
  )
  if (there === 't' ? mayUse === 't' : mayCreate === 't') return []
  const [what, cure] =
    there === 't'
      ? [
          `may not create tables in the schema ${name}`,
          `alter schema ${identifier(name)} owner to ${identifier(user)};`,
        ]
      : [
          `may not create the schema ${name}`,
          `grant create on database ${identifier(database)} to ${identifier(user)};`,
        ]
  return [
    { severity: 'fatal', area: 'permission', code: 'warehouse-grant', message: `${user} ${what}`, cure },
  ]
}

/** What is committed must stay: the position at the source stands beside it. */
async function settingDefects(session: Session): Promise<Defect[]> {
  const rows = await session.query(
    `select name, setting from pg_settings where name = any($1) and setting = 'off'`,
    [['fsync', 'full_page_writes', 'synchronous_commit']],
  )
  const defects = rows.map(([name]): Defect => ({
    severity: 'warning',
    code: 'warehouse-not-durable',
    message: `${name} is off: after a crash of its server the warehouse can be damaged, or lack what was committed`,
    cure: `alter system set ${name} = on; select pg_reload_conf();`,
  }))
  const [free] = await session.one(
    `select current_setting('max_connections')::int - (select count(*) from pg_stat_activity where backend_type = 'client backend')`,
  )
  if (Number(free) < sessions) {
    defects.push({
      severity: 'warning',
      code: 'warehouse-connections',
      message: `the warehouse has room for ${free} more connections, Syncline needs ${sessions}`,
      cure: `alter system set max_connections = ${literal('200')};`,
    })
  }
  return defects
}
