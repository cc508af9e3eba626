import { OperatorError } from '../runtime/errors.ts'
import { exitCodes, type ExitCode } from '../runtime/exit-codes.ts'
import { errorText } from './error-text.ts'
import type { TextStream } from './status-line.ts'

/** What is needed of the process' own stdout and stderr. */
export interface OutputStream extends TextStream {
  write(text: string, done?: () => void): unknown
  on(event: 'error', listener: (error: NodeJS.ErrnoException) => void): unknown
}

/**
 * Stdout and stderr that may fail while the work goes on: it is the warehouse that counts. That stdout failed is told
 * at the end; that its reader has gone (`syncline … | head`) is nobody's concern, and of stderr there is no way to tell.
 */
export class Output {
  readonly #stdout: OutputStream
  readonly #stderr: OutputStream
  #failure: Error | null = null
  /** Never calls back any more. */
  #stuck = false

  constructor(stdout: OutputStream, stderr: OutputStream) {
    this.#stdout = stdout
    this.#stderr = stderr
    stdout.on('error', (error) => {
      this.#note(error)
    })
    stderr.on('error', () => undefined)
  }

  readonly stdout: TextStream = {
    write: (text) => {
      try {
        this.#stdout.write(text)
      } catch (error) {
        // Files and devices are written at once, and some versions of Node throw what other streams emit.
        this.#stuck = true
        this.#note(error as NodeJS.ErrnoException)
      }
    },
  }

  /** Waits until all is written, and returns with which code to exit. */
  async finish(exitCode: ExitCode, now: number): Promise<ExitCode> {
    if (!this.#stuck) await flushed(this.#stdout)
    await flushed(this.#stderr)
    if (this.#failure === null) return exitCode
    const isDone = exitCode === exitCodes.ok || exitCode === exitCodes.deadLetters
    const error = new OperatorError({
      area: 'server',
      code: 'stdout-not-writable',
      message: `stdout cannot be written: ${this.#failure.message}`,
      hint: isDone
        ? 'the work is done, only its output is lost: mend where stdout goes and run again'
        : 'mend where stdout goes',
    })
    const terminal = this.#stderr.isTTY === true
    this.#stderr.write(errorText(error, { terminal, debug: false, redact: (text) => text, now }))
    await flushed(this.#stderr)
    return isDone ? exitCodes.unexpected : exitCode
  }

  #note(error: NodeJS.ErrnoException): void {
    if (error.code !== 'EPIPE') this.#failure ??= error
  }
}

/** A pipe may still hold what was written. The callback is called also when the reader has gone. */
async function flushed(stream: OutputStream): Promise<void> {
  await new Promise<void>((resolve) => {
    try {
      stream.write('', () => {
        resolve()
      })
    } catch {
      resolve()
    }
  })
  // A stream tells its callback first and its listeners of an error after that.
  await new Promise<void>((resolve) => setImmediate(resolve))
}
