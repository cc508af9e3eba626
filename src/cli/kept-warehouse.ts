/** An embedded warehouse that was left running. The password is read from its file, never shown. */
export interface KeptWarehouse {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly database: string
  /** Where the tables are that analysts see. */
  readonly schema: string
  readonly passwordFile: string
  /** The server's process. */
  readonly pid: number
  /** Goes with the server when it is stopped; undefined: all files stay for the next run. */
  readonly throwawayFolder?: string
}

/** How to reach the warehouse that was left and how to end it. */
export function keptLines(kept: KeptWarehouse): string[] {
  const { host, port, user, database, schema, passwordFile, pid, throwawayFolder } = kept
  const where = `-h ${host} -p ${port} -U ${user} -d ${database}`
  const stop = `kill -INT ${pid}; while kill -0 ${pid} 2>/dev/null; do sleep 0.1; done`
  return [
    'The warehouse stays. Look at it with:',
    `  PGPASSWORD="$(cat ${quoted(passwordFile)})" PGOPTIONS='-c search_path=${schema}' psql ${where}`,
    ...(throwawayFolder === undefined
      ? ['Stop it with this, or with the next run without --keep:', `  ${stop}`]
      : ['Stop and remove it with:', `  ${stop}; rm -rf ${quoted(throwawayFolder)}`]),
  ]
}

/** For a shell. */
function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`
}
