import type { LogPosition } from '../log-position.ts'

export interface DumpRequest {
  readonly from: Extract<LogPosition, { kind: 'mysql-gtid' | 'mariadb-gtid' | 'file' }>
  /** Of ours, as a replica: the server ends the older of two with the same. */
  readonly serverId: number
  readonly heartbeatMs: number
}

/**
 * What has to be set before the log is asked for: heartbeats, without which a link that swallows everything is never
 * noticed; that we know checksums, without which the server refuses; and, for MariaDB, where to begin and that we know
 * GTIDs.
 */
export function dumpSetup({ from, heartbeatMs }: DumpRequest): string {
  const nanoseconds = String(BigInt(heartbeatMs) * 1_000_000n)
  const common = `set @master_heartbeat_period = ${nanoseconds}, @source_heartbeat_period = ${nanoseconds},
    @master_binlog_checksum = @@global.binlog_checksum, @source_binlog_checksum = @@global.binlog_checksum`
  if (from.kind !== 'mariadb-gtid') return common
  // Canonical text of digits, hyphens and commas.
  return `${common}, @mariadb_slave_capability = 4, @slave_connect_state = '${from.list.toString()}'`
}

const binlogDump = 0x12
const binlogDumpGtid = 0x1e
const firstEvent = 4

export function dumpCommand({ from, serverId }: DumpRequest): Buffer {
  if (from.kind === 'mysql-gtid') {
    const set = from.set.encode()
    const head = Buffer.alloc(23)
    head.writeUInt8(binlogDumpGtid, 0)
    head.writeUInt32LE(serverId, 3)
    // No file name: the server finds the file by the set.
    head.writeBigUInt64LE(BigInt(firstEvent), 11)
    head.writeUInt32LE(set.length, 19)
    return Buffer.concat([head, set])
  }
  const [file, offset] = from.kind === 'file' ? [from.file, from.offset] : ['', firstEvent]
  const head = Buffer.alloc(11)
  head.writeUInt8(binlogDump, 0)
  head.writeUInt32LE(offset, 1)
  head.writeUInt32LE(serverId, 7)
  return Buffer.concat([head, Buffer.from(file)])
}
