import { spawn } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { packageFile } from '../../src/runtime/package-file.ts'

export interface RunFigures {
  readonly seconds: number
  /** Of the Syncline process alone, as the kernel kept it, in MiB. */
  readonly peakRssMb: number
  readonly cpuSeconds: number
}

const sampleMs = 100

/** One `syncline run --snapshot` as its user runs it, from the start of the process to its end. */
export async function runSyncline(
  configFile: string,
  environment: Readonly<Record<string, string>>,
): Promise<RunFigures> {
  const started = performance.now()
  const child = spawn(
    process.execPath,
    [packageFile('dist', 'src', 'main.js'), 'run', '--snapshot', '-c', configFile, '--log-level', 'warn'],
    { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, ...environment } },
  )
  let code: number | null | undefined
  let ended = 0
  child.once('exit', (exitCode) => {
    code = exitCode
    ended = performance.now()
  })
  const { pid } = child
  let peakRssMb = 0
  let cpuSeconds = 0
  while (code === undefined) {
    const [status, stat] = await Promise.all(
      ['status', 'stat'].map((file) => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '')),
    )
    peakRssMb = Number(/VmHWM:\s+(\d+)/.exec(status ?? '')?.[1] ?? peakRssMb * 1024) / 1024
    cpuSeconds = cpuOf(stat ?? '') ?? cpuSeconds
    await sleep(sampleMs)
  }
  if (code !== 0) throw new Error(`syncline ended with ${String(code)}`)
  return { seconds: (ended - started) / 1000, peakRssMb, cpuSeconds }
}

/** User and system time of `/proc/…/stat`, whose clock has 100 ticks a second. */
function cpuOf(stat: string): number | null {
  const fields = fieldsOf(stat)
  return fields.length > 12 ? (Number(fields[11]) + Number(fields[12])) / 100 : null
}

/** Of a process, of those it has started, and of those that have ended. */
export async function cpuOfTree(pid: number): Promise<number> {
  let ticks = 0
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const fields = fieldsOf(await readFile(`/proc/${name}/stat`, 'utf8').catch(() => ''))
    const [, parent] = fields
    if (Number(name) === pid) ticks += sum(fields.slice(11, 15))
    else if (Number(parent) === pid) ticks += sum(fields.slice(11, 13))
  }
  return ticks / 100
}

/** From the state of the process on; its name may hold anything. */
function fieldsOf(stat: string): string[] {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

function sum(numbers: readonly string[]): number {
  return numbers.reduce((total, number) => total + Number(number), 0)
}
