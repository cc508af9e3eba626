import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { chmod, cp, mkdtemp, rm } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { Readable } from 'node:stream'
import { startMysql } from '#root/scripts/servers/start-mysql.mjs'
import { endWithThisProcess } from '#root/scripts/servers/watchdog.mjs'
import { jsonLines } from '../../examples/vendor-match/export.ts'
import type { GeneratedData } from '../../examples/vendor-match/generate.ts'
import { defaultSchema, loadMysql } from '../../examples/vendor-match/load-mysql.ts'
import { packageFile } from '../../src/runtime/package-file.ts'
import type { Releasers } from '../../src/runtime/releasers.ts'
import { openEmbeddedPostgres } from '../../src/state/embedded-postgres/open.ts'

export interface Systems {
  readonly mysqlUrl: string
  readonly apiUrl: string
  /** Of the server's own database. */
  readonly postgresUrl: string
  readonly postgresPid: number
  readonly configFile: string
}

export interface SystemsOptions {
  readonly flavour: 'mariadb' | 'mysql'
  readonly note: (text: string) => void
  /** Of an API that runs already; else one is started in a process of its own. */
  readonly apiUrl?: string
}

/** Throwaway servers with the data in them, each as it comes, durability included. */
export async function startSystems(
  data: GeneratedData,
  { flavour, note, ...options }: SystemsOptions,
  releasers: Releasers,
): Promise<Systems> {
  const folder = await mkdtemp(join(tmpdir(), 'syncline-bench-'))
  releasers.push(endWithThisProcess(undefined, folder))
  releasers.push(() => rm(folder, { recursive: true, force: true }))
  // Root's Postgres runs as another user, who must get to its data.
  await chmod(folder, 0o755)
  for (const name of ['syncline.yaml', 'views']) {
    await cp(packageFile('examples', 'vendor-match', name), join(folder, name), { recursive: true })
  }
  const postgres = await openEmbeddedPostgres({ directory: join(folder, 'warehouse') })
  releasers.push(() => postgres.stop())
  releasers.push(endWithThisProcess(postgres.pid, folder))
  const apiUrl = options.apiUrl ?? (await startApi(data, folder, releasers))
  const mysql = await startMysql({ flavour, announce: note })
  releasers.push(() => mysql.stop())
  note(`filling ${flavour} with ${data.internalCount} users`)
  const { host, port, user, password } = mysql
  await loadMysql({
    connection: { host, port, user, password },
    users: data.internalUsers(),
    practices: data.practices(),
  })
  return {
    mysqlUrl: `${mysql.url}/${defaultSchema}`,
    apiUrl,
    postgresUrl: postgres.url,
    postgresPid: postgres.pid,
    configFile: join(folder, 'syncline.yaml'),
  }
}

async function startApi(data: GeneratedData, folder: string, releasers: Releasers): Promise<string> {
  const file = join(folder, 'vendor-users.jsonl')
  await pipeline(
    Readable.from(jsonLines(data.vendorUsers().slice(0, data.vendorCount))),
    createWriteStream(file),
  )
  const program = packageFile('dist', 'examples', 'vendor-match', 'simulator-main.js')
  const child = spawn(process.execPath, [program, '--users', file, '--port', '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  releasers.push(async () => {
    child.kill()
    await ended
  })
  releasers.push(endWithThisProcess(child.pid, file))
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /at (http:\S+)/.exec(line)?.[1]
    if (url !== undefined) return url
  }
  throw new Error('the API did not start')
}
