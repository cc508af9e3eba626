import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { packageFile } from '../../src/runtime/package-file.ts'

const main = packageFile('dist', 'src', 'main.js')

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs the built program. `closeStdout`: its reader goes away before anything is written. */
async function syncline(
  words: readonly string[],
  {
    cwd = tmpdir(),
    env = {},
    closeStdout = false,
  }: { cwd?: string; env?: Record<string, string>; closeStdout?: boolean } = {},
): Promise<Ended> {
  const child = spawn(process.execPath, [main, ...words], { cwd, env: { PATH: process.env['PATH'], ...env } })
  let stdout = ''
  let stderr = ''
  if (closeStdout) child.stdout.destroy()
  else child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const code = await new Promise<number | null>((resolve, reject) =>
    child.on('error', reject).on('close', resolve),
  )
  return { code, stdout, stderr }
}

const yaml = `sources:
  internal:
    type: mysql
    url: \${MYSQL_URL}
    tables: { user: { as: internal_user } }
`
const env = { MYSQL_URL: 'mysql://root:hunter22@127.0.0.1:1/app' }
let cwd: string

beforeAll(() => {
  if (!existsSync(main)) execFileSync('npm', ['run', 'build'], { cwd: packageFile(), stdio: 'inherit' })
  cwd = mkdtempSync(join(tmpdir(), 'syncline-cli-'))
  writeFileSync(join(cwd, 'syncline.yaml'), yaml)
  writeFileSync(join(cwd, 'wrong.yaml'), yaml.replace('tables', 'tabels').replace('mysql\n', 'msql\n'))
}, 120_000)

describe('help and version', () => {
  it('the version is that of the package, on stdout, quickly', async () => {
    const { version } = JSON.parse(
      execFileSync('cat', [packageFile('package.json')], { encoding: 'utf8' }),
    ) as { version: string }
    expect(await syncline(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' })
  })

  it.each([
    [[], 'run'],
    [['run'], 'syncline --snapshot --as-of 2017-02-02'],
    [['config'], 'check'],
    [['config', 'check'], 'syncline config check'],
    [['config', 'show'], 'syncline config show'],
    [['config', 'schema'], 'syncline config schema'],
    [['migrate'], 'syncline migrate'],
    [['demo'], 'syncline demo'],
  ])('%j has help with examples, on stdout', async (words, text) => {
    const { code, stdout, stderr } = await syncline([...words, '--help'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain('Usage: syncline')
    expect(stdout).toContain('Examples:')
    expect(stdout).toContain(text)
  })

  it.each([[[]], [['config']]])('%j alone shows help on stderr and is a usage error', async (words) => {
    const { code, stdout, stderr } = await syncline(words)
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' })
    expect(stderr).toContain('Usage: syncline')
  })
})

describe('usage errors exit with 64 and one JSON line on stderr', () => {
  it.each([
    [['conifg'], "unknown command 'conifg'", 'did you mean config?'],
    [['config', 'chekc'], "unknown command 'chekc'", 'did you mean check?'],
    [['run', '--snapshto'], "unknown option '--snapshto'", 'did you mean --snapshot?'],
    [['--snapshot', '--as-of', '2017-02-30'], '--as-of takes a date', 'write it as 2017-02-02'],
    [['run', '--output'], "option '--output <file>' argument missing", 'see `syncline --help`'],
    [
      ['config', 'check', 'x.yaml'],
      "too many arguments for 'check'. Expected 0 arguments but got 1.",
      'see `syncline --help`',
    ],
    [
      ['demo', '--size', 'big'],
      '--size takes one number of people or two',
      'write it as 20000 or 20000x3000',
    ],
  ])('%j', async (words, msg, hint) => {
    const { code, stdout, stderr } = await syncline(words)
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' })
    expect(stderr.match(/\n/g)).toHaveLength(1)
    expect(JSON.parse(stderr)).toMatchObject({ level: 'error', code: 'usage', msg, hint })
  })

  it('a log level that is none names those that are', async () => {
    const { code, stderr } = await syncline(['config', 'schema', '--log-level', 'loud'])
    expect(code).toBe(64)
    expect(stderr).toContain('debug, info, warn, error, silent')
  })
})

describe('config', () => {
  it('check tells that a configuration is correct', async () => {
    expect(await syncline(['config', 'check'], { cwd, env })).toEqual({
      code: 0,
      stdout: 'syncline.yaml is correct: 1 source, 1 stream, 0 matches, 0 view files\n',
      stderr: '',
    })
  })

  it.each([
    [['config', 'check']],
    [['config', 'show']],
    [['migrate']],
    [['run', '--snapshot']],
    [['--snapshot']],
  ])('%j exits with 78 and lists every problem of a wrong one', async (words) => {
    const { code, stdout, stderr } = await syncline([...words, '-c', 'wrong.yaml'], { cwd, env })
    expect({ code, stdout }).toEqual({ code: 78, stdout: '' })
    expect(JSON.parse(stderr)).toMatchObject({
      code: 'configuration-invalid',
      problems: [{ file: 'wrong.yaml', line: 3, column: 11, path: 'sources.internal.type' }],
    })
  })

  it('check --json prints the problems as data', async () => {
    const { code, stdout, stderr } = await syncline(['config', 'check', '--json'], { cwd })
    expect({ code, stderr }).toEqual({ code: 78, stderr: '' })
    expect(JSON.parse(stdout)).toMatchObject({
      valid: false,
      problems: [{ file: 'syncline.yaml', line: 4, column: 10, path: 'sources.internal.url' }],
    })
  })

  it('a missing file exits with 78', async () => {
    const { code, stderr } = await syncline(['config', 'check', '-c', 'nowhere.yaml'], { cwd })
    expect(code).toBe(78)
    expect(JSON.parse(stderr)).toMatchObject({ msg: 'nowhere.yaml:1:1 there is no such file' })
  })

  it('show prints the effective configuration without secrets', async () => {
    const { code, stdout, stderr } = await syncline(['config', 'show'], { cwd, env })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(parse(stdout)).toMatchObject({
      sources: { internal: { url: '${MYSQL_URL}', snapshot: { chunkRows: 5000 } } },
    })
    const json = await syncline(['config', 'show', '--json'], { cwd, env })
    expect(JSON.parse(json.stdout)).toEqual(parse(stdout))
  })

  it('the file is named by SYNCLINE_CONFIG, and by --config before it', async () => {
    const other = { ...env, SYNCLINE_CONFIG: 'wrong.yaml' }
    expect((await syncline(['config', 'check'], { cwd, env: other })).code).toBe(78)
    expect((await syncline(['config', 'check', '-c', 'syncline.yaml'], { cwd, env: other })).code).toBe(0)
  })

  it('schema prints a JSON Schema that validates', async () => {
    const { code, stdout } = await syncline(['config', 'schema'])
    expect(code).toBe(0)
    const ajv = new Ajv2020({ allowUnionTypes: true, formats: { date: true } })
    const validate = ajv.compile(JSON.parse(stdout) as object)
    expect(validate(parse(yaml))).toBe(true)
    expect(validate({ sorces: {} })).toBe(false)
  })

  it('schema --markdown prints the table of settings', async () => {
    const { stdout } = await syncline(['config', 'schema', '--markdown'])
    expect(stdout).toContain('| `sources.<name>.snapshot.chunkRows` | whole number | `5000` |')
  })
})

describe('pipes', () => {
  it('a reader that goes away is no error', async () => {
    expect(await syncline(['config', 'schema'], { closeStdout: true })).toMatchObject({ code: 0, stderr: '' })
  })

  it('a slow reader gets everything', () => {
    const command = `"${process.execPath}" "${main}" config schema | (sleep 0.3; cat) | tail -c 2`
    expect(execFileSync('sh', ['-c', command], { encoding: 'utf8' })).toBe('}\n')
  })
})

it('an output that cannot be written is refused before the run', async () => {
  const { code, stderr } = await syncline(['--snapshot', '--output', 'no/such/folder/report.txt'], {
    cwd,
    env,
  })
  expect(code).toBe(64)
  expect(JSON.parse(stderr)).toMatchObject({ code: 'output-not-writable' })
})

describe('signals', () => {
  it('the first one ends a snapshot that waits for a server, as something to try again', async () => {
    let heard = (): void => undefined
    const connected = new Promise<void>((resolve) => (heard = resolve))
    // Takes the connection and never says a word.
    const server = createServer((socket) => {
      socket.on('error', () => undefined)
      heard()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const folder = mkdtempSync(join(tmpdir(), 'syncline-signal-'))
    writeFileSync(
      join(folder, 'syncline.yaml'),
      yaml.replace('${MYSQL_URL}', `mysql://u:hunter22@127.0.0.1:${port}/x`),
    )
    const child = spawn(process.execPath, [main, '--snapshot'], { cwd: folder })
    let stderr = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
    await connected
    child.kill('SIGINT')
    expect(await ended).toBe(75)
    expect(stderr).toContain('"code":"stopped-early"')
    expect(stderr).not.toContain('hunter22')
    await new Promise((resolve) => server.close(resolve))
  })
})
