import { EventEmitter } from 'node:events'
import { expect, it } from 'vitest'
import { runCli } from '../../../src/cli/run-cli.ts'

it('a service that is hung up before it has read its configuration is not ended by that', async () => {
  const signals = new EventEmitter()
  const heard: string[] = []
  // As early as it can be heard.
  signals.on('newListener', (signal: string) => {
    heard.push(signal)
    if (signal === 'SIGHUP') process.nextTick(() => signals.emit(signal))
  })
  let stderr = ''
  const code = await runCli({
    arguments: ['run', '-c', 'no-such-file.yaml'],
    environment: {},
    stdout: { write: () => true },
    stderr: { write: (text: string) => ((stderr += text), true) },
    signals,
    abort: () => undefined,
    now: () => 0,
  })
  expect(heard).toContain('SIGHUP')
  expect(code).toBe(78)
  expect(stderr).toContain('no-such-file.yaml')
})
