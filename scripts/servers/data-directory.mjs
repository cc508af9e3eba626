import { mkdir, open, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runCommand } from './run-command.mjs'
import { exists } from './server-cache.mjs'

/** @typedef {import('./find-server.mjs').Server} Server */

/** @typedef {{ user: string, password: string }} Account */

/**
 * Makes an empty data directory in which one account, reached over TCP with a password, may do everything.
 *
 * @param {Server} server
 * @param {string} directory
 * @param {Account} account
 */
export async function createDataDirectory(server, directory, account) {
  await mkdir(temporaryFiles(directory), { recursive: true })
  if (server.flavour === 'mariadb') await bootstrapMariadb(server, directory, account)
  else await initializeMysql(server, directory, account)
}

/**
 * A folder of its own, since a MariaDB that starts removes the temporary tables it finds, other servers' among them.
 *
 * @param {string} directory of the data
 */
const temporaryFiles = (directory) => `${directory}.tmp`

/**
 * The options without which no server of this kind starts, in whichever folder it was unpacked.
 *
 * @param {Server} server
 * @param {string} directory
 * @returns {Promise<string[]>}
 */
export async function baseOptions(server, directory) {
  const options = [
    '--no-defaults',
    `--basedir=${server.base}`,
    `--datadir=${directory}`,
    `--tmpdir=${temporaryFiles(directory)}`,
  ]
  // A packaged MySQL insists on a folder that only an installation makes.
  if (server.flavour === 'mysql') options.push('--secure-file-priv=NULL')
  for (const path of ['share/mysql', 'share/mariadb', 'share']) {
    const messages = join(server.base, path)
    if (!(await exists(join(messages, 'english')))) continue
    options.push(`--lc-messages-dir=${messages}`, `--character-sets-dir=${join(messages, 'charsets')}`)
    break
  }
  // The servers refuse to run as root unless they are told to.
  if (process.getuid?.() === 0) options.push('--user=root')
  return options
}

/** @param {Account} account */
function accountStatements({ user, password }) {
  // `localhost` too: a server that resolves names takes a connection from 127.0.0.1 for one from there.
  return ['127.0.0.1', 'localhost']
    .flatMap((host) => [
      `create user '${user}'@'${host}' identified by '${password}';`,
      `grant all privileges on *.* to '${user}'@'${host}' with grant option;`,
    ])
    .join('\n')
}

/**
 * @param {Server} server
 * @param {string} directory
 * @param {Account} account
 */
async function initializeMysql(server, directory, account) {
  const file = `${directory}.init.sql`
  await writeFile(file, `${accountStatements(account)}\n`, { mode: 0o600 })
  const options = await baseOptions(server, directory)
  await runServer(server, [...options, '--initialize-insecure', `--init-file=${file}`])
}

/**
 * What `mariadb-install-db` does, without the shell tools it needs: they are in other packages.
 *
 * @param {Server} server
 * @param {string} directory
 * @param {Account} account
 */
async function bootstrapMariadb(server, directory, account) {
  await mkdir(join(directory, 'mysql'), { recursive: true })
  const options = await baseOptions(server, directory)
  const statements = [
    'use mysql;',
    // Without these the data script would add an account for nobody and let root in by its socket only.
    'set @skip_auth_anonymous = 1, @auth_root_socket = null;',
    await systemTableScript(server, ['mariadb_system_tables.sql', 'mysql_system_tables.sql']),
    await systemTableScript(server, ['mariadb_performance_tables.sql', 'mysql_performance_tables.sql']),
    await systemTableScript(server, ['mariadb_system_tables_data.sql', 'mysql_system_tables_data.sql']),
    'flush privileges;',
    accountStatements(account),
    '',
  ]
  await runServer(server, [...options, '--bootstrap', '--log-warnings=0'], statements.join('\n'))
}

/**
 * @param {Server} server
 * @param {string[]} names of the same script in older and newer versions
 */
async function systemTableScript(server, names) {
  for (const folder of ['share/mysql', 'share/mariadb', 'share']) {
    for (const name of names) {
      const path = join(server.base, folder, name)
      if (await exists(path)) return readFile(path, 'utf8')
    }
  }
  throw new Error(`the ${server.flavour} server in ${server.base} has no ${names.join(' or ')}`)
}

/**
 * @param {Server} server
 * @param {string[]} options
 * @param {string} [input]
 */
async function runServer({ command }, options, input) {
  const [program = '', ...first] = command
  await runCommand(program, [...first, ...options], { input })
}

/**
 * @param {string} file
 * @returns {Promise<string>} the end of the server's log
 */
export async function endOfLog(file) {
  const handle = await open(file).catch(() => undefined)
  if (handle === undefined) return ''
  try {
    return (await handle.readFile('utf8')).trim().split('\n').slice(-12).join('\n')
  } finally {
    await handle.close()
  }
}
