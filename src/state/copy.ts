import type { Value } from '../changes/change.ts'
import type { Session } from './session.ts'

const flushChars = 64 * 1024
const special = /[\\\t\n\r]/
const escapes: Record<string, string> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' }

/**
 * Streams rows into `target` (a table and its column list) by `COPY` in text format, holding one buffer at a
 * time.
 */
export async function copyInto(
  session: Session,
  target: string,
  rows: Iterable<readonly Value[]>,
): Promise<void> {
  function* lines(): Generator<string> {
    const values: string[] = []
    let buffer = ''
    for (const row of rows) {
      values.length = row.length
      for (let i = 0; i < row.length; i++) values[i] = escaped(row[i] ?? null)
      // Joined at once: a text that grows value by value leaves a piece of garbage behind for each of them.
      buffer += `${values.join('\t')}\n`
      if (buffer.length >= flushChars) {
        yield buffer
        buffer = ''
      }
    }
    if (buffer) yield buffer
  }
  await session.copy(`copy ${target} from stdin`, lines())
}

function escaped(value: Value): string {
  if (value === null) return '\\N'
  return special.test(value) ? value.replace(/[\\\t\n\r]/g, (char) => escapes[char] ?? char) : value
}
