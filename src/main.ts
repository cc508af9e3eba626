#!/usr/bin/env node
import { Output } from './cli/output.ts'
import { runCli } from './cli/run-cli.ts'
import { growHeapSlowly } from './runtime/memory.ts'

growHeapSlowly()

const { stderr } = process
const output = new Output(process.stdout, stderr)
const exitCode = await runCli({
  arguments: process.argv.slice(2),
  environment: process.env,
  stdout: output.stdout,
  stderr,
  signals: process,
  abort: (code) => process.exit(code),
  now: Date.now,
})
process.exit(await output.finish(exitCode, Date.now()))
