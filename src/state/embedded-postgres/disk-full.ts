import { OperatorError } from '../../runtime/errors.ts'

/** The error of a full disk, if that is what the text says or the code means; else null. */
export function diskFull(reported: string, folder: string, cause?: unknown): OperatorError | null {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code ?? ''
  if (!/No space left on device|Disk quota exceeded/.test(reported) && !/^(ENOSPC|EDQUOT)$/.test(code))
    return null
  return new OperatorError({
    code: 'warehouse-disk-full',
    area: 'server',
    message: `the disk of the embedded Postgres in ${folder} is full`,
    hint: 'free disk space there and run again: nothing is lost',
    cause: cause ?? new Error(gist(reported)),
  })
}

/** Of a server's log what tells why it ended; all of it when no line does. */
export function gist(log: string): string {
  const telling = log.split('\n').filter((line) => /\b(ERROR|FATAL|PANIC):/.test(line))
  return telling.length === 0 ? log : telling.join('\n')
}
