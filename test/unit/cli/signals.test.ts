import { EventEmitter } from 'node:events'
import { expect, it } from 'vitest'
import { StoppingError } from '../../../src/runtime/errors.ts'
import { listenForStop } from '../../../src/runtime/signals.ts'

function setUp(): {
  emitter: EventEmitter
  aborted: number[]
  heard: string[]
  at: (ms: number) => void
  stop: ReturnType<typeof listenForStop>
} {
  const emitter = new EventEmitter()
  const aborted: number[] = []
  const heard: string[] = []
  let nowMs = 0
  const stop = listenForStop({
    emitter,
    now: () => nowMs,
    abort: (code) => aborted.push(code),
    onStopping: (signal) => heard.push(signal),
  })
  const at = (ms: number): void => {
    nowMs = ms
  }
  return { emitter, aborted, heard, at, stop }
}

it.each(['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM'])('the first signal, %s, drains', (signal) => {
  const { emitter, aborted, heard, stop } = setUp()
  expect(stop.signal.aborted).toBe(false)
  emitter.emit(signal)
  expect(stop.signal.reason).toBeInstanceOf(StoppingError)
  expect(heard).toEqual([signal])
  expect(aborted).toEqual([])
})

it.each([
  ['SIGHUP', 129],
  ['SIGINT', 130],
  ['SIGQUIT', 131],
  ['SIGTERM', 143],
])('the second, %s, aborts with %j', (signal, exitCode) => {
  const { emitter, aborted, heard, at } = setUp()
  emitter.emit('SIGINT')
  at(300)
  emitter.emit(signal)
  expect(aborted).toEqual([exitCode])
  expect(heard).toEqual(['SIGINT'])
})

it('one Ctrl-C that arrives twice, from the terminal and passed on, is one', () => {
  const { emitter, aborted, at } = setUp()
  emitter.emit('SIGINT')
  at(20)
  emitter.emit('SIGINT')
  expect(aborted).toEqual([])
})

it('no signal is heard any more after listening stopped, which may be twice', () => {
  const { emitter, stop } = setUp()
  stop.stopListening()
  stop.stopListening()
  expect(emitter.eventNames().length).toBe(0)
  emitter.emit('SIGINT')
  expect(stop.signal.aborted).toBe(false)
})
