import { expect, it } from 'vitest'
import { withCommand } from '../../../src/cli/arguments.ts'
import { parseDemoSize } from '../../../src/cli/demo-options.ts'
import { createLogSink } from '../../../src/cli/log-sink.ts'

it.each([
  [['--snapshot'], ['run', '--snapshot']],
  [
    ['-c', 'x.yaml', '--snapshot', '--json'],
    ['run', '-c', 'x.yaml', '--snapshot', '--json'],
  ],
  [
    ['--output', 'run', '--snapshot'],
    ['run', '--output', 'run', '--snapshot'],
  ],
  [
    ['--config=x', '--snapshot'],
    ['run', '--config=x', '--snapshot'],
  ],
  [
    ['run', '--snapshot'],
    ['run', '--snapshot'],
  ],
  [
    ['conifg', '--snapshot'],
    ['conifg', '--snapshot'],
  ],
  [
    ['--', '--snapshot'],
    ['--', '--snapshot'],
  ],
  [['--version'], ['--version']],
  [[], []],
])('%j is %j', (words, expected) => {
  expect(withCommand(words)).toEqual(expected)
})

it.each([
  ['20000x3000', { internal: 20_000, vendor: 3000 }],
  ['100_000', { internal: 100_000, vendor: 15_000 }],
  ['2', { internal: 2, vendor: 1 }],
])('the demo size %j is %j', (text, size) => {
  expect(parseDemoSize(text)).toEqual(size)
})

it.each(['', 'x', '0', '1', '1x5', '10x', '10x0', '-5', '1e3', '999999999999'])(
  '%j is no demo size',
  (text) => {
    expect(() => parseDemoSize(text)).toThrow('--size')
  },
)

it('log lines are readable on a terminal, JSON elsewhere, and without secrets', () => {
  const line =
    '{"level":"warn","time":"2017-02-02T10:11:12.345Z","source":"vendor","wait":"2 s","msg":"hunter22"}\n'
  const written = [true, false].map((terminal) => {
    let text = ''
    createLogSink({
      terminal,
      write: (part) => (text += part),
      redact: (part) => part.replace('hunter22', '***'),
    }).write(line)
    return text
  })
  expect(written).toEqual(['10:11:12 warn  *** source=vendor wait="2 s"\n', line.replace('hunter22', '***')])
})
