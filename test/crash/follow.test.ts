import { setTimeout as delay } from 'node:timers/promises'
import mysql from 'mysql2/promise'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startMysql } from '#root/scripts/servers/start-mysql.mjs'
import { mulberry32 } from '../../examples/vendor-match/simulator-hostile.ts'
import type { AuditReport } from '../../src/state/audits.ts'
import { FlakyLink } from '../support/flaky-link.ts'
import type { Running } from '../support/program.ts'
import { Shop } from '../support/shop.ts'
import { noteSoakFigures, soakSeeds } from '../support/soak-seeds.ts'
import { until } from '../support/until.ts'
import { writeRandomly, Writing, writtenTables } from '../support/writers.ts'

const minutes = 60_000
const strikes = 6

/**
 * Counts every write of a row, and notes those by which the mirror went back in time: below what its key had reached, or
 * there again as it was deleted. The versions of a key only grow at the source. Table by table: the daemon locks both.
 */
const watchWrites = [
  // Twice the version; one more where the row was deleted.
  'create table public.reached (stream text, key jsonb, place bigint, primary key (stream, key))',
  'create table public.stepped_back (stream text, place bigint, reached bigint, operation text, written jsonb)',
  'create sequence public.written',
  `create function public.note_write() returns trigger language plpgsql as $$
     declare
       written jsonb := to_jsonb(case tg_op when 'DELETE' then old else new end);
       key_now jsonb := jsonb_build_array(written -> 'id', written -> 'a', written -> 'b');
       place_now bigint := 2 * (written ->> 'version')::bigint + case tg_op when 'DELETE' then 1 else 0 end;
     begin
       perform nextval('public.written');
       insert into public.stepped_back
         select stream, place_now, place, tg_op, written from public.reached
          where stream = tg_table_name and key = key_now and place > place_now;
       insert into public.reached values (tg_table_name, key_now, place_now)
         on conflict (stream, key) do update set place = excluded.place;
       return null;
     end $$`,
  ...['item', 'part'].map(
    (table) =>
      `create trigger noted after insert or update or delete on warehouse.${table}
         for each row execute function public.note_write()`,
  ),
]

/** A server that all seeds share: what one of them does to it strikes the others as well. */
class StruckServer {
  readonly server: Awaited<ReturnType<typeof startMysql>>
  #turn: Promise<unknown> = Promise.resolve()

  constructor(server: Awaited<ReturnType<typeof startMysql>>) {
    this.server = server
  }

  /** One after the other: statements of one seed must not meet the restart of another. */
  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work)
    this.#turn = mine.catch(() => undefined)
    return mine
  }

  /** Work that a restart by another seed would end. */
  undisturbed<T>(work: () => Promise<T>): Promise<T> {
    return this.#inTurn(work)
  }

  execute(...statements: readonly string[]): Promise<void> {
    return this.#inTurn(async () => {
      const session = await mysql.createConnection({ uri: this.server.url, multipleStatements: true })
      for (const statement of statements) await session.query(statement)
      await session.end()
    })
  }

  /** All but the file that is being written, and what is being sent to somebody. */
  purge(): Promise<void> {
    return this.#inTurn(async () => {
      const session = await mysql.createConnection({ uri: this.server.url })
      await session.query('flush binary logs')
      const [logs] = await session.query<mysql.RowDataPacket[]>('show binary logs')
      await session.query('purge binary logs to ?', [logs.at(-1)?.['Log_name']])
      await session.end()
    })
  }

  restart(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    return this.#inTurn(async () => {
      await this.server.kill(signal)
      await this.server.restart()
    })
  }
}

/** The daemon of one seed, its way to the source, and what strikes them. */
class Victim {
  readonly #shop: Shop
  readonly #link: FlakyLink
  #daemon: Running
  /** How often everything was read again because the log was gone. */
  rereads = 0

  constructor(shop: Shop, link: FlakyLink) {
    this.#shop = shop
    this.#link = link
    this.#daemon = shop.start('run')
  }

  get stderr(): string {
    return this.#daemon.stderr()
  }

  get lives(): boolean {
    const { exitCode, signalCode } = this.#daemon.process
    return exitCode === null && signalCode === null
  }

  /** As `until`, but what fails tells what the daemon said; not waited for when that has ended. */
  async whileLiving<T>(what: string, look: () => Promise<T | null>): Promise<T> {
    try {
      return await until(what, () => {
        if (!this.lives) throw new Error(`the daemon ended before ${what}`)
        return look()
      })
    } catch (error) {
      throw new Error(`in vain until ${what}: ${this.stderr}`, { cause: error })
    }
  }

  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    this.#daemon.process.kill(signal)
    const { stderr } = await this.#daemon.finished
    this.rereads += stderr.split('every table is read again').length - 1
  }

  async strike(blow: Blow, struck: StruckServer, random: () => number): Promise<void> {
    switch (blow) {
      case 'kills':
        await this.end('SIGKILL')
        // Mostly something happens at the source before it comes back.
        await delay(random() * 500)
        this.#daemon = this.#shop.start('run')
        return
      case 'cuts':
        this.#link.cut()
        return
      case 'holds':
        this.#link.hold()
        await delay(300 + random() * 1_500)
        this.#link.release()
        return
      case 'rotations':
        await struck.execute('flush binary logs')
        return
      case 'purges':
        await this.end('SIGKILL')
        await struck.purge()
        this.#daemon = this.#shop.start('run')
        return
      case 'restarts':
        await struck.restart(random() < 0.5 ? 'SIGTERM' : 'SIGKILL')
        return
      default:
        blow satisfies never
    }
  }
}

type Blow = 'kills' | 'cuts' | 'holds' | 'rotations' | 'purges' | 'restarts'

/** By how often they fall, in ten. */
const blows: readonly Blow[] = [
  ...([
    'kills',
    'kills',
    'kills',
    'kills',
    'cuts',
    'holds',
    'rotations',
    'purges',
    'restarts',
    'cuts',
  ] as const),
]

/** What \`verify\` finds, as soon as the source is followed again: of one that is not, it ends at once. */
function verified(shop: Shop): Promise<AuditReport[]> {
  return until('the tables are verified', async () => {
    const { code, stdout, stderr } = await shop.run('verify', '--json')
    if (stderr.includes('"code":"server-interrupted"')) return null
    if (code !== 0 && code !== 1) throw new Error(`verify ended with ${code}:\n${stderr}`)
    return stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as AuditReport)
  })
}

describe.each(['mariadb', 'mysql'] as const)(
  'a running Syncline on %s, struck at random moments',
  (flavour) => {
    let struck: StruckServer
    const done = {
      ...{ seeds: 0, equal: 0, statements: 0, alterations: 0, unlikely: 0, prepared: 0 },
      ...{ changes: 0, compared: 0, differences: 0 },
      ...{ kills: 0, cuts: 0, holds: 0, rotations: 0, purges: 0, restarts: 0, rereads: 0 },
    }
    beforeAll(async () => {
      struck = new StruckServer(await startMysql({ flavour }))
    })
    afterAll(async () => {
      noteSoakFigures(`killed and struck, ${flavour}`, done)
      await struck.server.stop()
    })

    // Several at once: each of them mostly waits.
    it.concurrent.each(soakSeeds([1, 2, 3]))(
      'loses nothing and takes nothing in twice, whatever writers do meanwhile (seed %i)',
      async (seed) => {
        done.seeds++
        const random = mulberry32(seed)
        const name = `shop_${seed}`
        await struck.execute(`create database ${name}`, `use ${name}`, writtenTables)
        const link = await FlakyLink.before(`${struck.server.url}/${name}`)
        const shop = await Shop.open(link.url)
        await shop.configure(['item', 'part'])
        const writing = new Writing()
        const written = Promise.all(
          [1, 2, 3].map((n) =>
            writeRandomly(`${struck.server.url}/${name}`, mulberry32(seed * 1000 + n), writing, {
              alters: n === 1,
            }),
          ),
        )
        // Told where it is awaited.
        written.catch(() => undefined)
        let victim: Victim | null = null
        try {
          await until('there is something to snapshot', () =>
            Promise.resolve(writing.statements > 200 || null),
          )
          victim = new Victim(shop, link)
          await victim.whileLiving('both are mirrored', async () => {
            const both = await Promise.all(['item', 'part'].map((table) => shop.mirrored(table)))
            return both.includes(null) ? null : true
          })
          for (const statement of watchWrites) await shop.warehouse.query(statement)
          for (let left = strikes; left > 0; left--) {
            await delay(random() * 1_500)
            const blow = blows[Math.floor(random() * blows.length)] ?? 'kills'
            await victim.strike(blow, struck, random)
            done[blow]++
          }
          writing.on = false
          await written
          expect(victim.lives).toBe(true)
          const reports = await struck.undisturbed(() => verified(shop))
          expect(reports.map(({ stream }) => stream)).toEqual(['item', 'part'])
          for (const { compared, missing, different, extra } of reports) {
            done.compared += compared
            done.differences += missing + different + extra
          }
          for (const report of reports) {
            expect(report).toMatchObject({ missing: 0, different: 0, extra: 0, sample: [] })
          }
          expect(await shop.warehouse.query('select * from public.stepped_back limit 3')).toEqual([])
          expect((await shop.mirrored('item'))?.length).toBeGreaterThan(20)
          const [[changes] = []] = await shop.warehouse.query('select last_value from public.written')
          done.changes += Number(changes)
          done.equal++
        } catch (error) {
          throw new Error(`the daemon said:\n${victim?.stderr ?? 'nothing yet'}`, { cause: error })
        } finally {
          done.statements += writing.statements
          done.alterations += writing.alterations
          done.unlikely += writing.unlikely
          done.prepared += writing.prepared
          writing.on = false
          await written.catch(() => undefined)
          await victim?.end('SIGTERM')
          done.rereads += victim?.rereads ?? 0
          await shop.close()
          await link.close()
          await struck.execute(`drop database ${name}`)
        }
      },
      4 * minutes,
    )
  },
)
