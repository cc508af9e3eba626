import { EventEmitter } from 'node:events'
import { runCli } from '../../src/cli/run-cli.ts'

export interface CliRun {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command in this process, with nothing in its environment but what is given. */
export async function cli(words: readonly string[], environment: Record<string, string>): Promise<CliRun> {
  const texts = { stdout: '', stderr: '' }
  const stream = (name: keyof typeof texts) => ({ write: (text: string) => ((texts[name] += text), true) })
  const code = await runCli({
    arguments: words,
    environment,
    stdout: stream('stdout'),
    stderr: stream('stderr'),
    signals: new EventEmitter(),
    abort: () => undefined,
    now: () => 0,
  })
  return { code, ...texts }
}
