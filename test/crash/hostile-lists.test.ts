import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { mulberry32 } from '../../examples/vendor-match/simulator-hostile.ts'
import type { Session } from '../../src/state/session.ts'
import { HostileList } from '../support/hostile-list.ts'
import { HostileServer } from '../support/hostile-server.ts'
import { PagedApi } from '../support/paged-api.ts'
import { flavourSettings, pagedFlavours, type PagedFlavour } from '../support/paged-flavours.ts'
import { databasePerTest } from '../support/postgres.ts'
import { startProgram, type Running } from '../support/program.ts'
import { noteSoakFigures, soakSeeds } from '../support/soak-seeds.ts'
import { vendorColumns, vendorRow, vendorUsers } from '../support/vendor-source.ts'

const minutes = 60_000
const kills = 5
/** Requests that one life of the process makes at most, all lists together, before it is killed. */
const mostRequests = 300

const wallClock = { now: () => Date.now(), advance: () => undefined }

/** One list at its worst behind a server of its own, and the stream into which it is read. */
class ServedList {
  readonly stream: string
  readonly api: PagedApi
  readonly list: HostileList
  readonly #flavour: PagedFlavour
  #server: HostileServer | null = null

  constructor([by, flavour]: readonly [string, PagedFlavour], seed: number) {
    this.stream = `users_by_${by.replaceAll(/\W+/g, '_')}`
    this.#flavour = flavour
    this.api = new PagedApi(flavour.style, vendorUsers(60), 9)
    this.api.descending = flavour.descending ?? false
    this.list = new HostileList(this.api, wallClock, seed)
    this.list.retryAfter = '0'
  }

  async start(seed: number, onRequest: () => void): Promise<void> {
    this.#server = await HostileServer.start(this.list, { seed, onRequest })
  }

  async close(): Promise<void> {
    await this.#server?.close()
  }

  settings(): object {
    return {
      ...flavourSettings(this.#flavour),
      ...{ as: this.stream, url: this.#server?.url, schedule: '* * * * *', requestsPerMinute: 6_000 },
      ...{ timeout: '${LIST_TIMEOUT}', retry: { attempts: 3, base: '1ms', max: '2ms' } },
      ...{ maxBodyBytes: '1MiB', maxDeletedShare: 1, drift: { maxShare: 1 } },
    }
  }

  /** From now on each user that the mirror loses is noted. */
  async watch(session: Session): Promise<void> {
    await session.query(
      `create trigger note_lost after delete on warehouse.${this.stream}
         for each row execute function public.note_lost()`,
    )
  }

  async expectEqual(session: Session): Promise<void> {
    const alive = new Set(this.api.users().map(({ id }) => String(id)))
    const lost = await session.query('select id from public.lost where stream = $1', [this.stream])
    expect(lost.filter(([id]) => alive.has(id ?? ''))).toEqual([])
    const columns = vendorColumns.map(({ name }) => name).join(', ')
    const rows = await session.query(`select ${columns} from warehouse.${this.stream}`)
    const served = this.api.users().map((user) => Object.values(vendorRow(user)))
    const sorted = (list: readonly unknown[]): string[] => list.map((row) => JSON.stringify(row)).sort()
    expect(sorted(rows)).toEqual(sorted(served))
  }
}

const total = { killed: 0, requests: 0 }
afterAll(() => {
  noteSoakFigures('lists at their worst, the program killed', total)
})

describe('the program over lists at their worst, of every way of paging at once, killed at random moments', () => {
  const database = databasePerTest()

  it.each(soakSeeds([1, 2]))(
    'never takes a live user for gone, and when it is over the mirrors equal the lists (seed %i)',
    async (seed) => {
      const random = mulberry32(seed + 1e6)
      const lists = Object.entries(pagedFlavours).map((flavour, n) => new ServedList(flavour, seed * 100 + n))
      const folder = await mkdtemp(join(tmpdir(), 'syncline-lists-'))
      let [left, killNow] = [Infinity, () => {}]
      const onRequest = (): void => {
        total.requests++
        if (--left === 0) killNow()
      }
      try {
        for (const list of lists) await list.start(seed, onRequest)
        const config = join(folder, 'syncline.yaml')
        const sources = Object.fromEntries(lists.map((list) => [list.stream, list.settings()]))
        await writeFile(config, JSON.stringify({ warehouse: { url: database.url }, sources }))
        // Patient while all is well, or a busy machine would be a fault of the list.
        const start = (timeout: string, ...args: string[]): Running =>
          startProgram(['run', ...args, '-c', config], { ...process.env, LIST_TIMEOUT: timeout })
        for (const { list } of lists) list.isHostile = false
        expect(await start('30s', '--snapshot').finished).toMatchObject({ code: 0 })
        await database.admin.query(`
          create table public.lost (stream text, id text);
          create function public.note_lost() returns trigger language plpgsql as
            $$ begin insert into public.lost values (tg_table_name, old.id); return null; end $$`)
        for (const list of lists) await list.watch(database.admin)
        for (const { list } of lists) list.isHostile = true
        for (let kill = 0; kill < kills; kill++) {
          const running = start('200ms')
          await new Promise<void>((resolve) => {
            ;[left, killNow] = [1 + Math.floor(random() * mostRequests), resolve]
          })
          running.process.kill('SIGKILL')
          await running.finished
          total.killed++
        }
        for (const { list } of lists) list.isHostile = false
        for (let run = 0; run < 3; run++) {
          expect(await start('30s', '--snapshot').finished).toMatchObject({ code: 0 })
        }
        for (const list of lists) await list.expectEqual(database.admin)
      } finally {
        for (const list of lists) await list.close()
        await rm(folder, { recursive: true, force: true })
      }
    },
    4 * minutes,
  )
})
