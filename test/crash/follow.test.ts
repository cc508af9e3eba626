import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import mysql from 'mysql2/promise'
import { describe, expect, it } from 'vitest'
import { startMysql } from '#root/scripts/servers/start-mysql.mjs'
import { packageFile } from '../../src/runtime/package-file.ts'
import { Session } from '../../src/state/session.ts'
import { FlakyLink } from '../support/flaky-link.ts'
import { testDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { randomOf, writeRandomly, writtenTables, type Writing } from '../support/writers.ts'

const minutes = 60_000
const blows = 8
const seeds = Array.from({ length: Number(process.env['SOAK_SEEDS'] ?? 1) }, (_, seed) => seed + 1)

/** A daemon that is started again whenever it was killed. */
class Daemon {
  readonly #arguments: readonly string[]
  readonly #environment: NodeJS.ProcessEnv
  #child: ChildProcess | null = null
  stderr = ''

  constructor(configFile: string, environment: NodeJS.ProcessEnv) {
    this.#arguments = [packageFile('dist', 'src', 'main.js'), 'run', '-c', configFile]
    this.#environment = environment
  }

  start(): void {
    const child = spawn(process.execPath, this.#arguments, {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: this.#environment,
    })
    child.stderr
      .setEncoding('utf8')
      .on('data', (text: string) => (this.stderr = (this.stderr + text).slice(-20_000)))
    this.#child = child
  }

  get hasEnded(): boolean {
    return this.#child?.exitCode != null
  }

  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#child
    if (child === null || child.exitCode !== null || child.signalCode !== null) return
    child.kill(signal)
    await once(child, 'exit')
  }
}

/** Notes every write of a row by which the mirror went back in time. Table by table: the daemon locks both. */
const watchForSteppingBack = [
  'create table public.stepped_back (stream text, old jsonb, new jsonb)',
  `create function public.note_step_back() returns trigger language plpgsql as $$
     begin
       if new.version < old.version then
         insert into public.stepped_back values (tg_table_name, to_jsonb(old), to_jsonb(new));
       end if;
       return new;
     end $$`,
  ...['item', 'part'].map(
    (table) =>
      `create trigger never_back after update on warehouse.${table}
         for each row execute function public.note_step_back()`,
  ),
]

describe.each(['mariadb', 'mysql'] as const)(
  'a running Syncline on %s, struck at random moments',
  (flavour) => {
    it.each(seeds)(
      'loses nothing and takes nothing in twice, whatever writers do meanwhile (seed %i)',
      async (seed) => {
        const random = randomOf(seed)
        const server = await startMysql({ flavour })
        const link = await FlakyLink.open(server.host, server.port)
        const database = await testDatabase()
        const warehouse = await Session.connect({ url: database.url, applicationName: 'test' })
        const folder = await mkdtemp(join(tmpdir(), 'syncline-crash-'))
        const admin = await mysql.createConnection({ uri: server.url, multipleStatements: true })
        await admin.query(`create database shop; use shop; ${writtenTables}`)
        await admin.end()
        const configFile = join(folder, 'syncline.yaml')
        await writeFile(
          configFile,
          [
            'warehouse: { url: "${WAREHOUSE_URL}" }',
            'sources:',
            '  shop:',
            '    type: mysql',
            '    url: ${MYSQL_URL}',
            '    snapshot: { chunkRows: 50 }',
            '    tables: { item: { as: item }, part: { as: part } }',
            '',
          ].join('\n'),
        )
        const url = `mysql://${server.user}:${server.password}@127.0.0.1:${link.port}/shop`
        const environment = { ...process.env, MYSQL_URL: url, WAREHOUSE_URL: database.url }
        const daemon = new Daemon(configFile, environment)
        const writing: Writing = { on: true, statements: 0 }
        const writers = [1, 2, 3].map((n) =>
          writeRandomly(`${server.url}/shop`, randomOf(seed * 1000 + n), writing),
        )
        try {
          await until('there is something to snapshot', () =>
            Promise.resolve(writing.statements > 300 || null),
          )
          daemon.start()
          await until('both are mirrored', async () => {
            const [there] = await warehouse.one(
              `select to_regclass('warehouse.item') is not null and to_regclass('warehouse.part') is not null`,
            )
            return there === 't' ? true : null
          })
          for (const statement of watchForSteppingBack) await warehouse.query(statement)
          for (let blow = 0; blow < blows; blow++) {
            await delay(200 + random() * 1_500)
            const kind = random()
            if (kind < 0.4) {
              await daemon.end('SIGKILL')
              daemon.start()
            } else if (kind < 0.55) {
              link.cut()
            } else if (kind < 0.7) {
              link.stall()
              await delay(500 + random() * 2_000)
              link.flow()
            } else if (kind < 0.85) {
              const session = await mysql.createConnection(server.url)
              await session.query('flush binary logs')
              await session.end()
            } else {
              await server.restart()
            }
          }
          writing.on = false
          await Promise.all(writers)
          expect(daemon.hasEnded, daemon.stderr).toBe(false)
          for (const stream of ['item', 'part']) {
            expect(await verify(configFile, environment, stream), daemon.stderr).toMatchObject({
              ...{ missing: 0, different: 0, extra: 0 },
              sample: [],
            })
          }
          expect(await warehouse.query('select * from public.stepped_back limit 3')).toEqual([])
          const [rows] = await warehouse.one('select count(*) from warehouse.item')
          expect(Number(rows)).toBeGreaterThan(50)
        } finally {
          writing.on = false
          await Promise.allSettled(writers)
          await daemon.end('SIGTERM')
          await warehouse.close()
          await database.drop()
          await link.close()
          await server.stop()
          await rm(folder, { recursive: true, force: true })
        }
      },
      3 * minutes,
    )
  },
)

async function verify(configFile: string, environment: NodeJS.ProcessEnv, stream: string): Promise<unknown> {
  const program = [packageFile('dist', 'src', 'main.js'), 'verify', stream, '--json', '-c', configFile]
  const child = spawn(process.execPath, program, { stdio: ['ignore', 'pipe', 'pipe'], env: environment })
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  await once(child, 'close')
  if (stdout === '') throw new Error(stderr)
  return JSON.parse(stdout)
}
