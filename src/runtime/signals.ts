import { StoppingError } from './errors.ts'
import { exitCodes, type ExitCode } from './exit-codes.ts'

type StopSignal = 'SIGINT' | 'SIGTERM'

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
  /** Told of the first, so that whoever pressed the key sees that it was heard. */
  readonly onStopping?: (signal: StopSignal) => void
}

const exitCodeOfSignal = { SIGINT: exitCodes.interrupted, SIGTERM: exitCodes.terminated } as const

/** The first SIGINT or SIGTERM drains, the second aborts, whichever they are. */
export function listenForStop({ emitter, abort, onStopping }: StopSignalOptions): StopSignals {
  const stopping = new AbortController()
  const heard = (signal: StopSignal): void => {
    if (stopping.signal.aborted) {
      abort(exitCodeOfSignal[signal])
      return
    }
    onStopping?.(signal)
    stopping.abort(new StoppingError(`asked to stop by ${signal}`))
  }
  const listeners = (['SIGINT', 'SIGTERM'] as const).map((signal) => {
    const listener = (): void => {
      heard(signal)
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
