import { spawn, type ChildProcess } from 'node:child_process'
import { tmpdir } from 'node:os'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Status } from '../../src/daemon/status.ts'
import { packageFile } from '../../src/runtime/package-file.ts'
import { mysqlServers, testSchema } from '../support/mysql.ts'
import type { Running } from '../support/program.ts'
import { Shop } from '../support/shop.ts'
import { until } from '../support/until.ts'

const minutes = 60_000

/** The lines that a program has printed by now. */
function linesOf({ stdout }: ChildProcess): string[] {
  const lines: string[] = []
  let rest = ''
  stdout?.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n')
    rest = parts.pop() ?? ''
    lines.push(...parts)
  })
  return lines
}

describe.each(mysqlServers)('status --watch on $flavour', (server) => {
  it(
    'shows a change of the source in a later line, and ends with 0 when interrupted',
    async () => {
      const schema = await testSchema(server)
      const shop = await Shop.open(schema.url)
      const started: Running[] = []
      try {
        await schema.execute('create table item (id int primary key); insert into item values (1)')
        await shop.configure(['item'])
        started.push(shop.start('run'))
        await until('it is read', async () => ((await shop.mirrored('item'))?.length === 1 ? true : null))
        const watching = shop.start('status', '--watch', '--json')
        started.push(watching)
        const lines = linesOf(watching.process)
        const changes = (): number => {
          const last = lines.at(-1)
          return last === undefined ? -1 : ((JSON.parse(last) as Status).sources[0]?.changes ?? -1)
        }
        const before = await until('it shows the source', () =>
          Promise.resolve(changes() >= 0 ? { lines: lines.length, changes: changes() } : null),
        )
        await schema.execute('insert into item values (2), (3)')
        await until('it shows the change', () => Promise.resolve(changes() >= before.changes + 2 || null))
        expect(lines.length).toBeGreaterThan(before.lines)
        watching.process.kill('SIGINT')
        expect(await watching.finished).toMatchObject({ code: 0 })
      } finally {
        for (const { process, finished } of started) {
          process.kill('SIGKILL')
          await finished
        }
        await shop.close()
        await schema.drop()
      }
    },
    2 * minutes,
  )
})

describe('the live demo', () => {
  it(
    'shows how lag, rates and matches change while both platforms do, and ends with 0 at Ctrl-C, leaving nothing',
    async () => {
      // In a process group of its own: Ctrl-C is for every process of a terminal, the servers that it started included.
      const child = spawn(
        process.execPath,
        [packageFile('dist', 'src', 'main.js'), 'demo', '--live', '--size', '400x100', '--log-level', 'warn'],
        { cwd: tmpdir(), detached: true, stdio: ['ignore', 'pipe', 'pipe'] },
      )
      onTestFinished(() => void child.kill('SIGKILL'))
      const lines = linesOf(child)
      let stderr = ''
      child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
      const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
      const numbers = (pattern: RegExp): Set<string> =>
        new Set(lines.flatMap((line) => pattern.exec(line)?.[1] ?? []))
      await until(
        'everything has changed',
        () => {
          if (child.exitCode !== null) throw new Error(stderr)
          const shown = [
            numbers(/^([\d,]+) changes made/),
            numbers(/internal streaming, ([\d,]+) taken in/),
            numbers(/internal streaming, [^|]*?(\d+)\/s/),
            numbers(/internal streaming, [^|]*lag ([\d,]+) ms/),
            numbers(/vendor \w+, ([\d,]+) taken in/),
            numbers(/\| ([1-9][\d,]*) matched/),
            numbers(/matched, ([\d,]+) active on both/),
          ]
          return Promise.resolve(shown.every(({ size }) => size > 1) || null)
        },
        3 * minutes,
      )
      process.kill(-(child.pid ?? 0), 'SIGINT')
      expect(await ended, stderr).toBe(0)
      expect(() => process.kill(-(child.pid ?? 0), 0)).toThrow('ESRCH')
    },
    4 * minutes,
  )
})
