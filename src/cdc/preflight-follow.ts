import type { Defect } from '../changes/source.ts'
import { OperatorError } from '../runtime/errors.ts'
import type { Connection } from './connection.ts'
import { cascadeDefects } from './preflight-cascades.ts'
import type { Account } from './preflight-account.ts'
import type { TableName } from './table.ts'

type FollowDefect = Omit<Defect, 'severity'>

/** What following the log needs beyond what reading it up to now does. */
export async function followDefects(
  connection: Connection,
  tables: readonly { readonly name: TableName }[],
  account: Account,
): Promise<FollowDefect[]> {
  const defects: FollowDefect[] = [
    ...(await cascadeDefects(connection, tables)),
    ...(await unreadableSettings(connection)),
  ]
  if (!(await mayReceiveLog(connection))) {
    defects.push({
      code: 'grant-missing',
      message: `${account.text} may not receive the binary log`,
      cure: account.grant('replication slave', '*.*'),
    })
  }
  return defects
}

const readable: Readonly<Record<string, string>> = {
  binlog_transaction_compression: 'OFF',
  binlog_row_value_options: '',
}

/** Settings of MySQL by which changes are logged in a form that cannot be read. */
async function unreadableSettings(connection: Connection): Promise<FollowDefect[]> {
  const names = Object.keys(readable).map((name) => `'${name}'`)
  const rows = await connection.query(`show global variables where variable_name in (${names.join(', ')})`)
  return rows.flatMap(({ Variable_name: name, Value: value }) => {
    const wanted = readable[name ?? '']
    if (name == null || wanted === undefined || value === wanted) return []
    return [
      {
        code: name.replaceAll('_', '-'),
        message: `${name} is ${value ?? ''}, so that changes are logged in a form that cannot be read`,
        cure: `set persist ${name} = '${wanted}';`,
      },
    ]
  })
}

/** MySQL lists its replicas to whom it would send the log; MariaDB tells by the grants, those of active roles included. */
async function mayReceiveLog(connection: Connection): Promise<boolean> {
  if (connection.server.flavour === 'mariadb') {
    const rows = await connection.query('show grants')
    return rows.some((row) =>
      Object.values(row).some((grant) =>
        /(?:REPLICATION SLAVE(?! ADMIN)|ALL PRIVILEGES).* ON \*\.\* /.test(grant ?? ''),
      ),
    )
  }
  try {
    await connection.query('show replicas')
    return true
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error
    return error.area !== 'permission'
  }
}
