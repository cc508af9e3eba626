import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startMysql } from '#root/scripts/servers/start-mysql.mjs'
import { endWithThisProcess } from '#root/scripts/servers/watchdog.mjs'
import { packageFile } from '../../src/runtime/package-file.ts'
import type { Releasers } from '../../src/runtime/releasers.ts'
import { openEmbeddedPostgres } from '../../src/state/embedded-postgres/open.ts'

export const database = 'bench'

export interface SystemsOptions {
  readonly flavour: 'mariadb' | 'mysql'
  /** Of `syncline.yaml`; `WAREHOUSE_URL` and `MYSQL_URL` are in its environment. */
  readonly config: string
  readonly note: (text: string) => void
}

export interface Systems {
  /** Of the database in which the tables are. */
  readonly mysqlUrl: string
  readonly postgresUrl: string
  readonly configFile: string
  readonly environment: NodeJS.ProcessEnv
  /** Starts `syncline run` over both. */
  readonly startDaemon: () => Daemon
}

/** Throwaway servers, each as it comes, durability included. */
export async function startSystems(
  { flavour, config, note }: SystemsOptions,
  releasers: Releasers,
): Promise<Systems> {
  const folder = await mkdtemp(join(tmpdir(), 'syncline-bench-'))
  releasers.push(endWithThisProcess(undefined, folder))
  releasers.push(() => rm(folder, { recursive: true, force: true }))
  // Root's Postgres runs as another user, who must get to its data.
  await chmod(folder, 0o755)
  const postgres = await openEmbeddedPostgres({ directory: join(folder, 'warehouse') })
  releasers.push(() => postgres.stop())
  releasers.push(endWithThisProcess(postgres.pid, folder))
  const mysql = await startMysql({ flavour, announce: note })
  releasers.push(() => mysql.stop())
  const mysqlUrl = `${mysql.url}/${database}`
  const configFile = join(folder, 'syncline.yaml')
  await writeFile(configFile, config)
  const environment = { ...process.env, MYSQL_URL: mysqlUrl, WAREHOUSE_URL: postgres.url }
  return {
    mysqlUrl,
    postgresUrl: postgres.url,
    configFile,
    environment,
    startDaemon: () => {
      const daemon = new Daemon(configFile, environment)
      releasers.push(() => daemon.stop())
      return daemon
    },
  }
}

/** One `syncline run` in a process of its own. */
export class Daemon {
  readonly #child: ChildProcess
  readonly #ended: Promise<unknown>

  constructor(configFile: string, environment: NodeJS.ProcessEnv) {
    this.#child = spawn(
      process.execPath,
      [packageFile('dist', 'src', 'main.js'), 'run', '-c', configFile, '--log-level', 'warn'],
      { stdio: ['ignore', 'ignore', 'inherit'], env: environment },
    )
    this.#ended = once(this.#child, 'exit')
  }

  /** Of this process so far, as the kernel kept it, in MiB. */
  async peakRssMb(): Promise<number> {
    const status = await readFile(`/proc/${this.#child.pid}/status`, 'utf8')
    return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill('SIGTERM')
    await this.#ended
  }
}
