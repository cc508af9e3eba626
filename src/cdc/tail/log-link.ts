import type { Clock } from '../../runtime/clock.ts'
import type { TransientError } from '../../runtime/errors.ts'
import type { Logger } from '../../runtime/logger.ts'
import { Listener } from '../binlog/listener.ts'
import { Connection, type ConnectOptions } from '../connection.ts'
import type { LogPosition } from '../log-position.ts'
import type { Server } from '../server.ts'
import type { FollowedTables } from './followed-tables.ts'
import { LogReader, type LogReaderOptions } from './log-reader.ts'
import { checkServer, checkStart, logsUnreadably, logStatusMissing } from './log-start.ts'
import { readRetentionMs, type Headroom } from './retention.ts'
import type { Surroundings } from './surroundings.ts'

export interface LogLinkOptions extends Pick<
  LogReaderOptions,
  'builder' | 'onCommit' | 'onPlace' | 'prepared'
> {
  readonly connect: Omit<ConnectOptions, 'signal'>
  readonly signal: AbortSignal
  readonly from: LogPosition
  /** Of ours, as a replica. */
  readonly serverId: number
  readonly heartbeatMs: number
  /** Most memory of events that wait to be read. */
  readonly queueBytes: number
  readonly tables: FollowedTables
  readonly surroundings: Surroundings
  readonly headroom: Headroom
  /** Told when there is something to read, a failure included. */
  readonly onArrival: () => void
  readonly onSilence: (error: TransientError) => void
  readonly log: Logger
  readonly clock: Clock
}

/** One connection to the log, from where we are, and what is known as long as it lasts. */
export class LogLink {
  readonly listener: Listener
  readonly reader: LogReader

  private constructor(listener: Listener, reader: LogReader) {
    this.listener = listener
    this.reader = reader
  }

  /** Throws what `checkServer` and `checkStart` do when this server cannot be gone on with. */
  static async open(options: LogLinkOptions): Promise<LogLink> {
    const { connect, signal, from, log } = options
    const connection = await Connection.open({ ...connect, signal })
    try {
      checkServer(connection)
      await checkStart(connection, from)
      if (from.kind === 'none') throw logStatusMissing()
      options.headroom.retain(await readRetentionMs(connection))
      const reader = await readerFor(connection, options)
      const listener = await Listener.open(connection, { ...options, from })
      log.info({ server: connection.address, version: connection.server.versionText }, 'following the log')
      return new LogLink(listener, reader)
    } catch (error) {
      connection.destroy()
      throw error
    }
  }

  /** Where the last commit ends that was read, if it was from this very server. */
  lastCommitOn({ identity }: Server): LogReader['lastCommit'] {
    return this.listener.connection.server.identity === identity ? this.reader.lastCommit : null
  }

  close(): void {
    this.listener.close()
  }
}

async function readerFor(
  connection: Connection,
  { tables, surroundings, from, clock, builder, onCommit, onPlace, prepared }: LogLinkOptions,
): Promise<LogReader> {
  return new LogReader({
    ...{ builder, onCommit, onPlace, prepared },
    flavour: connection.server.flavour,
    characterSets: await surroundings.characterSetsOf(connection, tables.all),
    findTable: (schema, name) => tables.find(schema, name),
    isUnreadable: await logsUnreadably(connection),
    byFile: from.kind === 'file',
    now: () => clock.now(),
  })
}
