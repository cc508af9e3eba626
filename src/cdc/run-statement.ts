import mysql, { type Connection as DriverConnection, type QueryOptions } from 'mysql2'

/** Rows of small statements: every value as text, whatever its type. */
export type TextRow = Readonly<Record<string, string | null>>

export function wireCast(bytes: ReadonlySet<string> | 'all'): mysql.TypeCast {
  if (bytes === 'all') return (field) => field.buffer()
  // The common table has none, and a row must not pay for the look-up.
  if (bytes.size === 0) return (field) => field.string('utf8')
  return (field) => (bytes.has(field.name) ? field.buffer() : field.string('utf8'))
}

export type RowListener = (row: object, resultIndex: number) => void

interface Statement {
  readonly driver: DriverConnection
  readonly signal: AbortSignal
  readonly options: QueryOptions
  readonly onRow: RowListener
}

/** The driver forgets the statements of a connection that we destroy, hence the signal. */
export function runStatement({ driver, signal, options, onRow }: Statement): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      reject(signal.reason as Error)
    }
    if (signal.aborted) {
      abort()
      return
    }
    signal.addEventListener('abort', abort, { once: true })
    const statement = driver.query(options)
    const settle = (error?: Error): void => {
      signal.removeEventListener('abort', abort)
      if (error === undefined) resolve()
      else reject(error)
    }
    // Statements without rows announce no fields, and then one result that is not a row.
    let hasRows = false
    statement.on('fields', (fields: unknown) => {
      hasRows = fields !== undefined
    })
    statement.on('result', (row: object, index: number) => {
      if (!hasRows || signal.aborted) return
      onRow(row, index)
    })
    statement.on('error', settle)
    statement.on('end', () => {
      settle()
    })
  })
}

/** The rows of each statement in the packet. */
export async function runText(
  driver: DriverConnection,
  sql: string,
  signal: AbortSignal,
): Promise<TextRow[][]> {
  const results: TextRow[][] = []
  const onRow: RowListener = (row, index) => {
    const rows = (results[index] ??= [])
    rows.push(row as TextRow)
  }
  const typeCast: mysql.TypeCast = (field) => field.string('utf8')
  await runStatement({ driver, signal, options: { sql, typeCast }, onRow })
  return results
}
