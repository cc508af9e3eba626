import { readFile } from 'node:fs/promises'

/** What else the machine did while something was measured: shares of all its CPU time, 0 to 1. */
export interface Disturbance {
  /** Kept back by the host of a virtual machine. */
  readonly stolen: number
  /** Taken by processes that run with a lower priority (`nice`), none of which is ours. */
  readonly niced: number
}

/** Runs `work` and tells how disturbed it was. A latency that a busy machine makes is no one's but the machine's. */
export async function disturbed<T>(work: () => Promise<T>): Promise<{ result: T; disturbance: Disturbance }> {
  const before = await ticks()
  const result = await work()
  const spent = (await ticks()).map((count, place) => count - (before[place] ?? 0))
  const all = Math.max(
    1,
    spent.reduce((sum, count) => sum + count, 0),
  )
  return { result, disturbance: { stolen: (spent[7] ?? 0) / all, niced: (spent[1] ?? 0) / all } }
}

/** user, nice, system, idle, iowait, irq, softirq, steal: see proc(5). None where there is no such file. */
async function ticks(): Promise<number[]> {
  const text = await readFile('/proc/stat', 'utf8').catch(() => '')
  const [line = ''] = text.split('\n')
  return line.split(/\s+/).slice(1, 9).map(Number)
}
