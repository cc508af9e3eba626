import { spawn, type ChildProcess } from 'node:child_process'
import { packageFile } from '../../src/runtime/package-file.ts'

export interface Finished {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Running {
  readonly process: ChildProcess
  readonly finished: Promise<Finished>
  /** So far. */
  readonly stderr: () => string
}

/** The built program in a process of its own, as its user runs it. */
export function startProgram(args: readonly string[], environment: NodeJS.ProcessEnv): Running {
  const child = spawn(process.execPath, [packageFile('dist', 'src', 'main.js'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: environment,
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const finished = new Promise<Finished>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => {
      resolve({ code, stdout, stderr })
    })
  })
  return { process: child, finished, stderr: () => stderr }
}
