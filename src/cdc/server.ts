export type Flavour = 'mysql' | 'mariadb'

/** What a server says about itself. */
export interface Server {
  readonly flavour: Flavour
  /** As it prints it, for messages. */
  readonly versionText: string
  /** `[9, 7, 4]`. */
  readonly version: readonly [major: number, minor: number, patch: number]
  /** `server_uuid`, or the server id where there is none. */
  readonly identity: string
  readonly logBin: boolean
  readonly binlogFormat: string
  readonly binlogRowImage: string
  /** Null on servers too old to have it. */
  readonly binlogRowMetadata: string | null
  /** MySQL only. */
  readonly gtidMode: string | null
  readonly logReplicaUpdates: boolean
  /** Whether rows that a foreign key changes or removes are logged: by MySQL from 9.6 on, unless it is told not to. */
  readonly logsCascades: boolean
}

/** From the rows of `show global variables`. */
export function parseServer(rows: readonly Readonly<Record<string, string | null>>[]): Server {
  const variables = new Map(rows.map((row) => [(row.Variable_name ?? '').toLowerCase(), row.Value ?? '']))
  const versionText = variables.get('version') ?? ''
  const flavour = variables.has('gtid_binlog_pos') || /mariadb/i.test(versionText) ? 'mariadb' : 'mysql'
  const version = parseVersion(versionText)
  return {
    flavour,
    versionText,
    version,
    identity: variables.get('server_uuid') ?? variables.get('server_id') ?? '',
    logBin: isOn(variables.get('log_bin')),
    binlogFormat: (variables.get('binlog_format') ?? 'ROW').toUpperCase(),
    binlogRowImage: (variables.get('binlog_row_image') ?? 'FULL').toUpperCase(),
    binlogRowMetadata: variables.get('binlog_row_metadata')?.toUpperCase() ?? null,
    gtidMode: flavour === 'mysql' ? (variables.get('gtid_mode')?.toUpperCase() ?? null) : null,
    logReplicaUpdates: isOn(variables.get('log_replica_updates') ?? variables.get('log_slave_updates')),
    logsCascades:
      flavour === 'mysql' && atLeast({ version }, 9, 6) && !isOn(variables.get('innodb_native_foreign_keys')),
  }
}

/** Some MariaDB servers still announce `5.5.5-10.11.6-MariaDB` for the sake of old replicas. */
function parseVersion(text: string): [number, number, number] {
  const match = /^(?:5\.5\.5-)?(\d+)\.(\d+)\.(\d+)/.exec(text)
  return [Number(match?.[1] ?? 0), Number(match?.[2] ?? 0), Number(match?.[3] ?? 0)]
}

function isOn(value: string | undefined): boolean {
  return value === 'ON' || value === '1'
}

export function atLeast({ version }: Pick<Server, 'version'>, major: number, minor: number): boolean {
  return version[0] > major || (version[0] === major && version[1] >= minor)
}
