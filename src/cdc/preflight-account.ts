import type { Connection } from './connection.ts'
import { identifier, textLiteral } from './sql.ts'

/** The account that the server took us for. */
export interface Account {
  /** `'user'@'host'`, as statements name it. */
  readonly text: string
  readonly identifier: (name: string) => string
  /** The statement that gives it a privilege. */
  readonly grant: (privilege: string, on: string) => string
}

export async function accountOf(connection: Connection): Promise<Account> {
  const [row] = await connection.query('select current_user() as account')
  const account = row?.account ?? ''
  const at = account.lastIndexOf('@')
  const text = `${textLiteral(account.slice(0, at))}@${textLiteral(account.slice(at + 1))}`
  return { text, identifier, grant: (privilege, on) => `grant ${privilege} on ${on} to ${text};` }
}
