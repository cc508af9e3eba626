import { setTimeout as sleep } from 'node:timers/promises'
import { createConnection } from 'mysql2/promise'
import { Session } from '../../src/state/session.ts'

const transactionsPerSecond = 500
const seconds = 10
const writers = 4
/** Of the ids of one writer, so that the last that is visible tells of all before it. */
const firstIdOf = (writer: number): number => 300_000_000 + writer * 10_000_000

/** From the moment at which the source has told its writer of the commit to the row's visibility in the warehouse. */
export async function measureLatency(
  mysqlUrl: string,
  postgresUrl: string,
): Promise<{ p50Ms: number; p99Ms: number }> {
  const committed: number[][] = Array.from({ length: writers }, () => [])
  const delays: number[] = []
  let writing = true
  const watching = watch(postgresUrl, committed, delays, () => writing)
  await Promise.all(committed.map((times, writer) => write(mysqlUrl, firstIdOf(writer), times)))
  writing = false
  await watching
  delays.sort((a, b) => a - b)
  const at = (share: number): number =>
    Number((delays[Math.floor((delays.length - 1) * share)] ?? NaN).toFixed(1))
  return { p50Ms: at(0.5), p99Ms: at(0.99) }
}

async function write(mysqlUrl: string, firstId: number, times: number[]): Promise<void> {
  const connection = await createConnection(mysqlUrl)
  const everyMs = (1000 * writers) / transactionsPerSecond
  const began = performance.now()
  for (let n = 0; n < (transactionsPerSecond / writers) * seconds; n++) {
    const ahead = began + n * everyMs - performance.now()
    if (ahead > 0) await sleep(ahead)
    await connection.query('insert into purchase values (?, ?, ?, ?, now(3), ?)', [
      ...[firstId + n, n, 'new', n / 100],
      `purchase ${n}`,
    ])
    times.push(performance.now())
  }
  await connection.end()
}

async function watch(
  postgresUrl: string,
  committed: readonly number[][],
  delays: number[],
  isWriting: () => boolean,
): Promise<void> {
  const session = await Session.connect({ url: postgresUrl, applicationName: 'bench' })
  const seen = committed.map(() => 0)
  const isBehind = (): boolean => committed.some((times, writer) => (seen[writer] ?? 0) < times.length)
  while (isWriting() || isBehind()) {
    const rows = await session.query(
      `select (select coalesce(max(id) - first + 1, 0) from warehouse.purchase where id >= first and id < first + 10000000)
         from unnest($1::bigint[]) with ordinality as w(first, n) order by n`,
      [committed.map((_, writer) => firstIdOf(writer))],
    )
    const now = performance.now()
    for (const [writer, [count]] of rows.entries()) {
      const times = committed[writer] ?? []
      for (let n = seen[writer] ?? 0; n < Math.min(Number(count), times.length); n++) {
        // Visible before its writer was told of the commit: no delay at all.
        delays.push(Math.max(0, now - (times[n] ?? now)))
        seen[writer] = n + 1
      }
    }
    await sleep(1)
  }
  await session.close()
}
