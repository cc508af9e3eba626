import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { packageFile } from '../../src/runtime/package-file.ts'

/** Another process that uses the embedded Postgres of a folder. */
export interface EmbeddedPostgresUser {
  readonly url: string
  /** The server's process. */
  readonly pid: number
  /** Lets the process leave in order. */
  leave(): Promise<void>
  /** Ends the process with `kill -9`. */
  kill(): Promise<void>
}

export async function startEmbeddedPostgresUser(directory: string): Promise<EmbeddedPostgresUser> {
  const script = packageFile('test/support/embedded-postgres-user.mjs')
  const compiled = packageFile('dist/src/state/embedded-postgres/open.js')
  const child = spawn(process.execPath, [script, compiled, directory], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const line = await firstLine(child)
  const { url, pid } = JSON.parse(line) as { url: string; pid: number }
  return {
    url,
    pid,
    leave: async () => {
      const exit = once(child, 'exit')
      child.stdin.end()
      await exit
    },
    kill: async () => {
      const exit = once(child, 'exit')
      child.kill('SIGKILL')
      await exit
    },
  }
}

async function firstLine(child: ChildProcess & { stdout: NodeJS.ReadableStream }): Promise<string> {
  for await (const line of createInterface({ input: child.stdout })) return line
  throw new Error('the process ended without opening the embedded Postgres')
}
