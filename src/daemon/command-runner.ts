import type { Json } from '../changes/ledger.ts'
import type { Clock } from '../runtime/clock.ts'
import { OperatorError, SynclineError } from '../runtime/errors.ts'
import type { Logger } from '../runtime/logger.ts'
import {
  commandChannel,
  finishCommand,
  takeCommands,
  type Command,
  type CommandFailure,
} from '../state/commands.ts'
import type { Writer } from '../warehouse/open-writer.ts'

/** Does what a command asks and returns what came of it. Must bear being begun anew after a crash. */
export type CommandHandler = (command: Command, signal: AbortSignal) => Promise<Json>

export interface CommandRunnerOptions {
  readonly writer: Writer
  readonly handlers: Readonly<Record<string, CommandHandler>>
  readonly clock: Clock
  readonly log: Logger
}

/** A notification can be lost with its connection; then commands are found by looking. */
const lookMs = 1_000

/** Executes the commands that other processes leave in `syncline.command`, each as soon as it is found. */
export class CommandRunner {
  readonly #options: CommandRunnerOptions
  readonly #running = new Set<Promise<void>>()
  #wake: () => void = () => undefined

  constructor(options: CommandRunnerOptions) {
    this.#options = options
  }

  async run(signal: AbortSignal): Promise<void> {
    const { writer, clock } = this.#options
    await writer.control.listen(commandChannel, () => {
      this.#wake()
    })
    const ended = new AbortController()
    const stop = AbortSignal.any([signal, ended.signal])
    try {
      while (!signal.aborted) {
        const woken = new Promise<void>((resolve) => {
          this.#wake = resolve
        })
        await this.takeUp(stop)
        const pause = new AbortController()
        const timeout = clock.sleep(lookMs, AbortSignal.any([signal, pause.signal])).catch(() => undefined)
        await Promise.race([woken, timeout])
        pause.abort()
      }
    } finally {
      ended.abort()
      await Promise.allSettled(this.#running)
    }
  }

  /** Begins what waits; a command that takes long holds up no other. */
  async takeUp(signal: AbortSignal): Promise<void> {
    const { writer } = this.#options
    for (const command of await takeCommands(writer.control, writer.term)) {
      const running = this.#execute(command, signal).finally(() => this.#running.delete(running))
      this.#running.add(running)
    }
  }

  async #execute(command: Command, signal: AbortSignal): Promise<void> {
    const { writer, handlers, log } = this.#options
    const { id, kind, requestedBy } = command
    const finish = { id, term: writer.term }
    const told = shortArguments(command)
    log.info({ command: kind, ...told, requestedBy }, 'command begun')
    try {
      const handler = handlers[kind]
      if (!handler) throw unknownCommand(kind)
      const result = await handler(command, signal)
      await finishCommand(writer.control, { ...finish, state: 'done', result })
      log.info({ command: kind, ...told }, 'command done')
    } catch (error) {
      // The next leader begins it anew.
      if (signal.aborted) return
      const failure = describe(error)
      const { code, message, hint } = failure
      log.error({ command: kind, ...told, code, hint }, message)
      await finishCommand(writer.control, { ...finish, state: 'failed', result: { ...failure } })
    }
  }
}

/** What an operator knows a command by; documents that travel with it would only fill the log. */
function shortArguments({ arguments: all }: Command): Record<string, Json> {
  return Object.fromEntries(Object.entries(all).filter(([, value]) => typeof value !== 'object'))
}

function describe(error: unknown): CommandFailure {
  if (error instanceof SynclineError) {
    const { code, message, hint = null } = error
    return { area: error instanceof OperatorError ? error.area : 'data', code, message, hint }
  }
  const message = error instanceof Error ? error.message : String(error)
  return { area: 'data', code: 'unexpected', message, hint: null }
}

function unknownCommand(kind: string): OperatorError {
  return new OperatorError({
    area: 'usage',
    code: 'unknown-command',
    message: `the running Syncline knows no command ${kind}`,
    hint: 'it is of another version: upgrade both',
  })
}
