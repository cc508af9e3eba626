import { StoppingError } from './errors.ts'
import { exitCodes, type ExitCode } from './exit-codes.ts'

const stopSignals = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM'] as const

type StopSignal = (typeof stopSignals)[number]

/** The part of `process` that tells of signals. */
export interface SignalEmitter {
  on(signal: StopSignal, listener: () => void): unknown
  off(signal: StopSignal, listener: () => void): unknown
}

export interface StopSignals {
  /** Aborted, with a `StoppingError`, by the first signal: finish what is begun and end. */
  readonly signal: AbortSignal
  /** Gives the signals their usual effect back; may be called twice. */
  stopListening(): void
}

export interface StopSignalOptions {
  readonly emitter: SignalEmitter
  /** Called by the second signal: end at once with this exit code. */
  readonly abort: (exitCode: ExitCode) => void
  /** Called by a hang-up instead of stopping, by whoever can read the configuration again. */
  readonly onReload?: () => void
  /** Told of the first, so that whoever pressed the key sees that it was heard. */
  readonly onStopping?: (signal: StopSignal) => void
  /** Milliseconds; only differences count. */
  readonly now: () => number
}

const exitCodeOfSignal = {
  SIGHUP: exitCodes.hungUp,
  SIGINT: exitCodes.interrupted,
  SIGQUIT: exitCodes.quit,
  SIGTERM: exitCodes.terminated,
} as const

/**
 * One Ctrl-C arrives more than once where npm or a script of ours stands between: the terminal signals the whole
 * group, and each of them passes it on. Nobody who means it twice presses faster.
 */
const sameMs = 300

/** The first signal drains, the second aborts, whichever they are. Without a listener a hang-up would leave servers. */
export function listenForStop({ emitter, abort, onReload, onStopping, now }: StopSignalOptions): StopSignals {
  const stopping = new AbortController()
  let last: { readonly signal: StopSignal; readonly atMs: number } | undefined
  const heard = (signal: StopSignal): void => {
    const atMs = now()
    if (last?.signal === signal && atMs - last.atMs < sameMs) return
    last = { signal, atMs }
    if (stopping.signal.aborted) {
      abort(exitCodeOfSignal[signal])
      return
    }
    onStopping?.(signal)
    stopping.abort(new StoppingError(`asked to stop by ${signal}`))
  }
  const listeners = stopSignals.map((signal) => {
    const listener = (): void => {
      if (signal === 'SIGHUP' && onReload) onReload()
      else heard(signal)
    }
    emitter.on(signal, listener)
    return { signal, listener }
  })
  return {
    signal: stopping.signal,
    stopListening: () => {
      for (const { signal, listener } of listeners.splice(0)) emitter.off(signal, listener)
    },
  }
}
