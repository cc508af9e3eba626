import { Writable } from 'node:stream'
import { expect, it } from 'vitest'
import { Output } from '../../../src/cli/output.ts'
import { runCli } from '../../../src/cli/run-cli.ts'
import { exitCodes, type ExitCode } from '../../../src/runtime/exit-codes.ts'

function failing(code: string, message: string): Writable {
  return new Writable({
    decodeStrings: false,
    write: (_chunk, _encoding, done) => {
      done(Object.assign(new Error(message), { code }))
    },
  })
}

/** As Node's stdout does of files and devices, by its version. */
function throwing(code: string, message: string): Writable {
  return new Writable({
    write: () => {
      throw Object.assign(new Error(message), { code })
    },
  })
}

function collecting(): { stream: Writable; text: () => string } {
  let text = ''
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      text += chunk.toString()
      done()
    },
  })
  return { stream, text: () => text }
}

async function schemaTo(stdout: Writable, exitCode?: ExitCode): Promise<{ code: ExitCode; stderr: string }> {
  const stderr = collecting()
  const output = new Output(stdout, stderr.stream)
  const ended = await runCli({
    arguments: ['config', 'schema'],
    environment: {},
    stdout: output.stdout,
    stderr: stderr.stream,
    signals: process,
    abort: () => undefined,
    now: () => 0,
  })
  const code = await output.finish(exitCode ?? ended, 0)
  return { code, stderr: stderr.text() }
}

const full = ['ENOSPC', 'ENOSPC: no space left on device, write'] as const

it.each([
  ['emits', failing],
  ['throws', throwing],
])(
  'a full stdout that %s is one sentence and exit code 1, and the work counts as done',
  async (_how, stub) => {
    const { code, stderr } = await schemaTo(stub(...full))
    expect(code).toBe(exitCodes.unexpected)
    expect(stderr.match(/\n/g)).toHaveLength(1)
    expect(JSON.parse(stderr)).toMatchObject({
      code: 'stdout-not-writable',
      msg: 'stdout cannot be written: ENOSPC: no space left on device, write',
      hint: expect.stringContaining('the work is done') as string,
    })
  },
)

it('a command that failed by itself keeps its exit code', async () => {
  const { code, stderr } = await schemaTo(failing(...full), exitCodes.tryAgain)
  expect(code).toBe(exitCodes.tryAgain)
  expect(stderr).not.toContain('done')
})

it('a reader that has gone is no error', async () => {
  expect(await schemaTo(failing('EPIPE', 'write EPIPE'))).toEqual({ code: exitCodes.ok, stderr: '' })
})
