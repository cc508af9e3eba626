import { OperatorError, TransientError } from '../../runtime/errors.ts'

const cannotReadLog = 1236

/** The account may not receive the log. */
const denied = new Set([1044, 1045, 1142, 1227])

/** The server's refusal to send its log, or to go on sending it. */
export function logError(packet: Buffer, address: string): Error {
  const errno = packet.readUInt16LE(1)
  const text = packet.subarray(packet[3] === 0x23 ? 9 : 3).toString('utf8')
  const message = `MySQL server ${address}: ${text}`
  if (denied.has(errno)) {
    return new OperatorError({
      code: 'grant-missing',
      message,
      hint: 'grant replication slave on *.* to the user of the source’s url',
      area: 'permission',
    })
  }
  if (errno !== cannotReadLog) {
    return new TransientError({ code: 'log-interrupted', message: `${message} (${errno})` })
  }
  if (/purged|could not find (?:first log|GTID state)/i.test(text)) return new LogPurged(message)
  if (
    /which is not in the (?:master|source)|more GTIDs than|has transactions that are not|diverged/i.test(text)
  ) {
    return serverLacks(message)
  }
  if (/same server_?(?:uuid|id)|zombie/i.test(text)) {
    return new TransientError({
      code: 'replaced-by-another',
      message,
      hint: 'Another client reads with our server id.',
    })
  }
  return new TransientError({ code: 'log-interrupted', message })
}

/** The log cannot be gone on with from our position: everything has to be read anew. */
export class PositionLost extends TransientError {}

/** What comes after our position is not in the log any more. */
export class LogPurged extends PositionLost {
  constructor(message: string, hint = 'Raise the retention of the binary log.') {
    super({ code: 'log-purged', message, hint })
  }
}

export function serverLacks(message: string): OperatorError {
  return new OperatorError({
    code: 'server-behind',
    message: `${message}: this server lacks transactions that were already read`,
    hint:
      'It was restored from a backup or is another one. Point the source at a server that has them, or run ' +
      '`syncline resync` for one of this source’s streams: then all of them are read anew from this server.',
    area: 'data',
    resyncMends: true,
  })
}
