import { readFile } from 'node:fs/promises'
import { OperatorError } from '../runtime/errors.ts'
import { identifier } from '../state/identifiers.ts'
import type { Session } from '../state/session.ts'

export interface Answer {
  /** The comment above the query, or the query itself. */
  readonly question: string
  /** Rows as JSON texts. */
  readonly rows: readonly string[]
}

/**
 * Runs the queries of the report file, read-only, with the warehouse schema first on the search path. Queries end
 * with a semicolon at the end of a line; the comment lines above a query are its question.
 */
export async function answerQuestions(session: Session, schema: string, file: string): Promise<Answer[]> {
  const queries = splitQueries(await readFile(file, 'utf8'))
  return session.transaction(async () => {
    await session.query('set transaction read only')
    await session.query(`set local search_path to ${identifier(schema)}`)
    const answers: Answer[] = []
    for (const { question, sql } of queries) {
      try {
        const rows = await session.query(`select row_to_json(answer)::text from (${sql}) answer`)
        answers.push({ question, rows: rows.map(([row]) => row ?? '') })
      } catch (error) {
        throw new OperatorError({
          area: 'configuration',
          code: 'report-failed',
          message: `${file}: ${question}: ${error instanceof Error ? error.message : String(error)}`,
          hint: 'correct the query; the tables are filled and stay as they are',
          cause: error,
        })
      }
    }
    return answers
  })
}

export function splitQueries(text: string): { question: string; sql: string }[] {
  return text
    .split(/;[ \t]*(?:--[^\n]*)?(?:\n|$)/)
    .map((part) => {
      const lines = part.split('\n')
      const comments = lines.filter((line) => line.trimStart().startsWith('--'))
      const sql = lines
        .filter((line) => !line.trimStart().startsWith('--'))
        .join('\n')
        .trim()
      const question = comments
        .map((line) => line.replace(/^\s*--\s?/, ''))
        .join(' ')
        .trim()
      return { question: question || sql.replace(/\s+/g, ' '), sql }
    })
    .filter(({ sql }) => sql !== '')
}
