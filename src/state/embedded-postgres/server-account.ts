import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process'
import { access, chown, constants, readFile, stat } from 'node:fs/promises'
import { OperatorError } from '../../runtime/errors.ts'

/**
 * Who the server runs as. Postgres refuses to run as root, so root lends it another account of the machine.
 */
export interface ServerAccount {
  /** What to put before a command so that it runs as the account; empty for ourselves. */
  readonly prefix: readonly string[]
  /** `uid:gid`, as chown takes it. */
  readonly owner: string
  /** Hands a file or folder to the account. */
  own(path: string): Promise<void>
}

const ourselves: ServerAccount = {
  prefix: [],
  owner: `${process.getuid?.() ?? ''}:${process.getgid?.() ?? ''}`,
  own: () => Promise.resolve(),
}

export interface AccountRequest {
  /** Where the server's files are or will be; its owner stays the one who runs the server. */
  readonly folder: string
  /** An existing folder that the account must be able to reach. */
  readonly parent: string
  readonly program: string
}

export async function serverAccount(request: AccountRequest): Promise<ServerAccount> {
  if (process.getuid?.() !== 0) return ourselves
  const { uid, gid } = await accountFor(request.folder)
  return {
    prefix: await prefixFor(uid, gid, request),
    owner: `${uid}:${gid}`,
    own: (path) => chown(path, uid, gid),
  }
}

async function accountFor(folder: string): Promise<{ uid: number; gid: number }> {
  const owner = await stat(folder).catch(() => undefined)
  if (owner && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid }
  // It must be in the list of accounts: initdb looks its name up.
  const lines = (await readFile('/etc/passwd', 'utf8').catch(() => '')).split('\n')
  for (const name of ['postgres', 'nobody']) {
    const [, , uid, gid] = lines.find((line) => line.startsWith(`${name}:`))?.split(':') ?? []
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) }
  }
  throw new OperatorError({
    code: 'embedded-postgres-root',
    area: 'permission',
    message: 'Postgres refuses to run as root, and this machine has no account "postgres" or "nobody"',
    hint: 'run Syncline as another user, or set WAREHOUSE_URL to a Postgres of your own',
  })
}

/**
 * Below a folder that only root may enter, such as /root, the account needs to pass over permissions. It gets
 * that one capability there and nowhere else: with it a superuser of the database can read any file.
 */
async function prefixFor(uid: number, gid: number, request: AccountRequest): Promise<string[]> {
  const setpriv = await firstExecutable(['/usr/bin/setpriv', '/bin/setpriv', '/usr/sbin/setpriv'])
  const reach = 'test -x "$1" && test -r "$1" && cd "$2"'
  const canReach = await run('/bin/sh', ['-c', reach, 'sh', request.program, request.parent], {
    uid,
    gid,
  }).then(
    () => true,
    () => false,
  )
  if (setpriv === undefined) {
    throw new OperatorError({
      code: 'embedded-postgres-root',
      area: 'permission',
      message: `Postgres refuses to run as root, and there is no setpriv to run it as another user`,
      hint: 'run Syncline as another user, install util-linux, or set WAREHOUSE_URL to a Postgres of your own',
    })
  }
  const account = [setpriv, `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups']
  // Postgres asks access(2) whether its programs are there, which regards capabilities only with this bit.
  const passOver = [
    '--inh-caps=+dac_override',
    '--ambient-caps=+dac_override',
    '--securebits=+no_setuid_fixup',
  ]
  return canReach ? account : [...account, ...passOver]
}

async function firstExecutable(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    const found = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    )
    if (found) return path
  }
  return undefined
}

/** Starts a command as the account, in the root folder: our own may be closed to it. */
export function spawnAs(
  account: ServerAccount,
  command: readonly string[],
  options: SpawnOptions,
): ChildProcess {
  const [program = '', ...args] = [...account.prefix, ...command]
  return spawn(program, args, { cwd: '/', env: serverEnvironment(), ...options })
}

/** Ours holds the secrets of the sources and may hold settings of Postgres: the server gets neither. */
export function serverEnvironment(): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], LC_ALL: 'C' }
}

/** Runs a program to its end; rejects with the end of what it printed if it fails. */
export function run(program: string, args: readonly string[], options: SpawnOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: '/', ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    child.on('error', reject)
    child.on('close', (code, signal) => {
      if (code === 0) resolve(stdout)
      else reject(new Error(`${program} ended with ${signal ?? String(code)}: ${stderr.trim().slice(-2000)}`))
    })
  })
}
