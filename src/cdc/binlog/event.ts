import { ByteReader } from './byte-reader.ts'
import { inflateEvent } from './inflate-event.ts'
import { readQuery, type QueryEvent } from './query-event.ts'

/**
 * Events of the binary log as far as change capture needs them, without their checksums.
 * Layouts: `libs/mysql/binlog/event` of the MySQL source, `sql/log_event.cc` of MariaDB's.
 */
export type BinlogEvent = EventHeader & EventBody

export interface EventHeader {
  /** Seconds since the epoch, when the statement began; 0 for events that the server makes up for us. */
  readonly timestamp: number
  readonly serverId: number
  /** Where the next event begins, modulo 2³²; 0 within MariaDB's transactions. */
  readonly nextOffset: number
}

export type EventBody =
  | { readonly kind: 'rotate'; readonly file: string; readonly offset: bigint }
  | { readonly kind: 'heartbeat' }
  /** The format of the events that follow: a file begins, or our connection. */
  | { readonly kind: 'format' }
  | MysqlGtid
  | AnonymousGtid
  | MariadbGtid
  | QueryEvent
  /** The transaction commits. */
  | { readonly kind: 'xid' }
  /** The rows so far are prepared, not committed, unless `onePhase`. */
  | { readonly kind: 'xa-prepare'; readonly onePhase: boolean; readonly xid: string }
  /** `body` from the table's names on, a view. */
  | { readonly kind: 'table-map'; readonly tableId: number; readonly body: Buffer }
  | RowsEvent
  /** Something that carries rows which cannot be read. */
  | {
      readonly kind: 'unreadable'
      readonly what: string
      /** A statement; empty when there is none. */
      readonly cure: string
      /** No commit comes behind it. */
      readonly endsTransaction: boolean
    }
  | { readonly kind: 'ignored' }

interface MysqlTransaction {
  /** When this server committed it, in milliseconds since the epoch; null if it does not say. */
  readonly committedAt: number | null
  /** Bytes of the whole transaction, this event included; null if the server does not say. */
  readonly length: number | null
}

/** A transaction begins. */
export interface MysqlGtid extends MysqlTransaction {
  readonly kind: 'mysql-gtid'
  /** The server's uuid, with `:tag` if the transaction has one. */
  readonly origin: string
  readonly number: bigint
}

/** A transaction without GTID begins. */
export interface AnonymousGtid extends MysqlTransaction {
  readonly kind: 'anonymous-gtid'
}

/** A group begins, nearly always a transaction. */
export interface MariadbGtid {
  readonly kind: 'mariadb-gtid'
  readonly domain: bigint
  readonly server: bigint
  readonly sequence: bigint
  /** The group is the one event that follows: no commit comes. */
  readonly standalone: boolean
  /** The group ends with the PREPARE of an XA transaction. */
  readonly beginsXa: boolean
}

export interface RowsEvent {
  readonly kind: 'rows'
  readonly action: 'insert' | 'update' | 'delete'
  readonly tableId: number
  readonly columnCount: number
  /** Which columns the images have; `after` only in updates. Views. */
  readonly present: Buffer
  readonly presentAfter: Buffer | null
  /** From the first image to the end of the last. */
  readonly images: ByteReader
}

const ignored: EventBody = { kind: 'ignored' }

/** `packet` from the event's header on. Throws a `RangeError` or an `UnknownEvent`. */
export function readEvent(packet: Buffer, flavour: 'mysql' | 'mariadb'): BinlogEvent {
  const reader = new ByteReader(packet)
  const timestamp = reader.u32()
  const type = reader.u8()
  const serverId = reader.u32()
  reader.skip(4)
  const nextOffset = reader.u32()
  const flags = reader.u16()
  const body = readBody(reader, { type, serverId, flags, flavour })
  return { timestamp, serverId, nextOffset, ...body }
}

/** Without what the event holds. */
export function readHeader(packet: Buffer): EventHeader {
  return {
    timestamp: packet.readUInt32LE(0),
    serverId: packet.readUInt32LE(5),
    nextOffset: packet.readUInt32LE(13),
  }
}

/** Where an event of the log's file begins in it. */
export function beginOf(packet: Buffer): number {
  return packet.readUInt32LE(13) - packet.readUInt32LE(9)
}

/** The server is there and has nothing to send. */
export function isHeartbeat(packet: Buffer): boolean {
  return packet[4] === 27 || packet[4] === 41
}

interface Head {
  readonly type: number
  readonly serverId: number
  readonly flags: number
  readonly flavour: 'mysql' | 'mariadb'
}

/** An event that is neither known nor marked as one that may be passed over. */
export class UnknownEvent extends Error {
  constructor(type: number) {
    super(`an event of the unknown type ${type}`)
  }
}

const ignorableFlag = 0x80

function readBody(reader: ByteReader, head: Head): EventBody {
  switch (head.type) {
    case 2:
      return readQuery(reader, 0)
    case 18:
      // LOAD DATA of a statement-based session: a query with four more fields.
      return readQuery(reader, 13)
    case 4:
      return { kind: 'rotate', offset: reader.u64(), file: reader.utf8(reader.remaining) }
    case 15:
      return { kind: 'format' }
    case 16:
      return { kind: 'xid' }
    case 19:
      return readTableMapHead(reader)
    case 27:
    case 41:
      return { kind: 'heartbeat' }
    case 33:
      return readGtid(reader)
    case 34: {
      const { committedAt, length } = readGtid(reader)
      return { kind: 'anonymous-gtid', committedAt, length }
    }
    case 38:
      return { kind: 'xa-prepare', onePhase: reader.u8() !== 0, xid: readXid(reader) }
    case 42:
      return readTaggedGtid(reader)
    case 39:
      return {
        kind: 'unreadable',
        what: 'updates of JSON in parts (binlog_row_value_options = PARTIAL_JSON)',
        cure: "set persist binlog_row_value_options = ''",
        endsTransaction: false,
      }
    case 40:
      return {
        kind: 'unreadable',
        what: 'compressed transactions (binlog_transaction_compression = ON)',
        cure: 'set persist binlog_transaction_compression = OFF',
        endsTransaction: true,
      }
    case 26:
      return {
        kind: 'unreadable',
        what: 'an incident: changes that the server could not log',
        cure: '',
        endsTransaction: false,
      }
    case 162:
      return readMariadbGtid(reader, head.serverId)
    case 165:
      return readQuery(reader, 0, true)
    default:
      return readRows(reader, head) ?? passOver(head)
  }
}

/** Start, stop, previous GTIDs, statement variables, annotations, checkpoints, and what follows a query of LOAD DATA. */
const withoutMeaning = new Set([
  1, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 17, 28, 29, 35, 36, 37, 160, 161, 163, 164,
])

function passOver({ type, flags }: Head): EventBody {
  if (withoutMeaning.has(type) || (flags & ignorableFlag) !== 0) return ignored
  throw new UnknownEvent(type)
}

function readTableMapHead(reader: ByteReader): EventBody {
  const tableId = reader.u48()
  reader.skip(2)
  return { kind: 'table-map', tableId, body: reader.bytes(reader.remaining) }
}

const actions = ['insert', 'update', 'delete'] as const

/** Null when the event holds no rows. Types: 23 to 25, 30 to 32, compressed by MariaDB 166 to 168 and 169 to 171. */
function readRows(reader: ByteReader, { type }: Head): RowsEvent | null {
  const first = [23, 30, 166, 169].find((code) => type >= code && type < code + 3)
  const action = first === undefined ? undefined : actions[type - first]
  if (first === undefined || action === undefined) return null
  const tableId = reader.u48()
  reader.skip(2)
  // The second version has extra data, whose length counts its own two bytes.
  if (first === 30 || first === 169) reader.skip(reader.u16() - 2)
  const columnCount = reader.length()
  const bitmap = (columnCount + 7) >> 3
  const present = reader.bytes(bitmap)
  const presentAfter = action === 'update' ? reader.bytes(bitmap) : null
  const images = first < 166 ? reader : new ByteReader(inflateEvent(reader.bytes(reader.remaining)))
  return { kind: 'rows', action, tableId, columnCount, present, presentAfter, images }
}

let lastUuid: { readonly bytes: Buffer; readonly text: string } | null = null

/** Nearly all transactions have the server's own: its text is made once. */
function readUuid(reader: ByteReader): string {
  const bytes = reader.bytes(16)
  if (lastUuid?.bytes.equals(bytes) !== true) {
    lastUuid = { bytes: Buffer.from(bytes), text: printUuid(bytes) }
  }
  return lastUuid.text
}

function printUuid(bytes: Buffer): string {
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

function readGtid(reader: ByteReader): MysqlGtid {
  reader.skip(1)
  const origin = readUuid(reader)
  const number = reader.u64()
  const begin = { kind: 'mysql-gtid', origin, number } as const
  // Behind the two numbers of the logical clock: microseconds in 55 bits.
  const hasTime = reader.remaining >= 24 && reader.u8() === 2
  if (!hasTime) return { ...begin, committedAt: null, length: null }
  reader.skip(16)
  const low = reader.u48()
  const high = reader.u8()
  // The highest bit says that the time of the original server follows.
  if ((high & 0x80) !== 0) reader.skip(7)
  const microseconds = low + (high & 0x7f) * 2 ** 48
  const length = reader.remaining > 0 ? reader.length() : null
  return { ...begin, committedAt: Math.floor(microseconds / 1000), length }
}

/** A message of `mysql::serialization`: fields in ascending order, each behind twice its number; absent ones are default. */
function readTaggedGtid(reader: ByteReader): EventBody {
  const version = readVariable(reader)
  if (version !== 1n) throw new RangeError(`a tagged GTID of version ${version}`)
  readVariable(reader)
  readVariable(reader)
  const isField = (id: number): boolean => reader.buffer[reader.offset] === id * 2 && reader.u8() >= 0
  if (isField(0)) readVariable(reader)
  if (!isField(1)) throw new RangeError('a tagged GTID without a server')
  const uuid = Buffer.from(Array.from({ length: 16 }, () => Number(readVariable(reader))))
  if (!isField(2)) throw new RangeError('a tagged GTID without a number')
  const number = readVariable(reader) >> 1n
  const tag = isField(3) ? reader.utf8(Number(readVariable(reader))) : ''
  const origin = tag === '' ? printUuid(uuid) : `${printUuid(uuid)}:${tag}`
  for (const clock of [4, 5]) if (isField(clock)) readVariable(reader)
  const committedAt = isField(6) ? Number(readVariable(reader) / 1000n) : null
  if (isField(7)) readVariable(reader)
  const length = isField(8) ? Number(readVariable(reader)) : null
  return { kind: 'mysql-gtid', origin, number, committedAt, length }
}

/** As many bytes follow as the first has trailing ones; the rest of its bits are the lowest of the value. */
function readVariable(reader: ByteReader): bigint {
  const first = reader.u8()
  let more = 0
  while (more < 8 && ((first >> more) & 1) === 1) more++
  if (more === 8) return reader.u64()
  let value = BigInt(first >> (more + 1))
  for (let index = 0; index < more; index++) value |= BigInt(reader.u8()) << BigInt(8 * index + 7 - more)
  return value
}

function readMariadbGtid(reader: ByteReader, serverId: number): MariadbGtid {
  const sequence = reader.u64()
  const domain = BigInt(reader.u32())
  const flags = reader.u8()
  const [standalone, beginsXa] = [(flags & 1) !== 0, (flags & 0x40) !== 0]
  return { kind: 'mariadb-gtid', domain, server: BigInt(serverId), sequence, standalone, beginsXa }
}

/** As `xa commit` names it: hexadecimal parts and the format. */
function readXid(reader: ByteReader): string {
  const format = reader.u32()
  const globalBytes = reader.u32()
  const branchBytes = reader.u32()
  const global = reader.bytes(globalBytes).toString('hex')
  return `${global},${reader.bytes(branchBytes).toString('hex')},${format}`
}
