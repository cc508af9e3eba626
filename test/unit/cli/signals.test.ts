import { EventEmitter } from 'node:events'
import { expect, it } from 'vitest'
import { StoppingError } from '../../../src/runtime/errors.ts'
import { listenForStop } from '../../../src/runtime/signals.ts'

function setUp(): {
  emitter: EventEmitter
  aborted: number[]
  heard: string[]
  stop: ReturnType<typeof listenForStop>
} {
  const emitter = new EventEmitter()
  const aborted: number[] = []
  const heard: string[] = []
  const stop = listenForStop({
    emitter,
    abort: (code) => aborted.push(code),
    onStopping: (signal) => heard.push(signal),
  })
  return { emitter, aborted, heard, stop }
}

it('the first signal drains', () => {
  const { emitter, aborted, heard, stop } = setUp()
  expect(stop.signal.aborted).toBe(false)
  emitter.emit('SIGTERM')
  expect(stop.signal.reason).toBeInstanceOf(StoppingError)
  expect(heard).toEqual(['SIGTERM'])
  expect(aborted).toEqual([])
})

it.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
])('the second, %s, aborts with %j', (signal, exitCode) => {
  const { emitter, aborted, heard } = setUp()
  emitter.emit('SIGINT')
  emitter.emit(signal)
  expect(aborted).toEqual([exitCode])
  expect(heard).toEqual(['SIGINT'])
})

it('no signal is heard any more after listening stopped, which may be twice', () => {
  const { emitter, stop } = setUp()
  stop.stopListening()
  stop.stopListening()
  expect(emitter.listenerCount('SIGINT') + emitter.listenerCount('SIGTERM')).toBe(0)
  emitter.emit('SIGINT')
  expect(stop.signal.aborted).toBe(false)
})
