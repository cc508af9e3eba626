#!/usr/bin/env node
import { runCli } from './cli/run-cli.ts'
import { growHeapSlowly } from './runtime/memory.ts'

growHeapSlowly()

const { stdout, stderr } = process

for (const stream of [stdout, stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    // Whoever read the pipe has gone (`syncline … | head`): the work goes on, and nobody wants to hear of it.
    if (error.code !== 'EPIPE') throw error
  })
}

const exitCode = await runCli({
  arguments: process.argv.slice(2),
  environment: process.env,
  stdout,
  stderr,
  signals: process,
  abort: (code) => process.exit(code),
  now: Date.now,
})
// A pipe may still hold what was written. The callback is called also when the reader has gone.
for (const stream of [stdout, stderr]) {
  await new Promise<void>((resolve) => {
    stream.write('', () => {
      resolve()
    })
  })
}
process.exit(exitCode)
