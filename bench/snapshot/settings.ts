import { createConnection, type RowDataPacket } from 'mysql2/promise'
import { Session } from '../../src/state/session.ts'

const ofMysql = [
  'version',
  'innodb_flush_log_at_trx_commit',
  'sync_binlog',
  'innodb_doublewrite',
  'innodb_buffer_pool_size',
  'binlog_format',
  'binlog_row_image',
  'gtid_mode',
  'gtid_strict_mode',
]

const ofPostgres = [
  'server_version',
  'fsync',
  'synchronous_commit',
  'full_page_writes',
  'wal_level',
  'wal_compression',
  'max_wal_size',
  'checkpoint_timeout',
  'shared_buffers',
  'work_mem',
  'maintenance_work_mem',
  'autovacuum',
  'jit',
]

/** What decides durability and speed, as the servers themselves say it; what one does not know is left out. */
export async function readSettings(mysqlUrl: string, postgresUrl: string): Promise<[string, string][]> {
  const mysql = await createConnection(mysqlUrl)
  const postgres = await Session.connect({ url: postgresUrl, applicationName: 'bench' })
  try {
    const [variables] = await mysql.query<RowDataPacket[]>(
      'show global variables where variable_name in (?)',
      [ofMysql],
    )
    const settings = await postgres.query(
      `select name, current_setting(name) from pg_settings where name = any($1) order by array_position($1, name)`,
      [ofPostgres],
    )
    return [
      ...variables.map(({ Variable_name: name, Value: value }): [string, string] => [
        `mysql ${String(name)}`,
        String(value),
      ]),
      ...settings.map(([name, value]): [string, string] => [`postgres ${name}`, value ?? '']),
    ]
  } finally {
    await mysql.end()
    await postgres.close()
  }
}
