import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { checkWritable, writeOutput } from '../../../src/cli/write-file.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'syncline-output-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true })
})

async function write(name: string): Promise<string> {
  const path = join(folder, name)
  await checkWritable(path)
  await writeOutput(path, 'report\n')
  return path
}

function mode(path: string): number {
  return statSync(path).mode & 0o777
}

it('a new file is its writer’s alone, and nothing is left beside it', async () => {
  const path = await write('new.txt')
  expect(readFileSync(path, 'utf8')).toBe('report\n')
  expect(mode(path)).toBe(0o600)
  expect(readdirSync(folder)).toEqual(['new.txt'])
})

it('a file that is there is replaced and keeps its mode', async () => {
  writeFileSync(join(folder, 'old.txt'), 'old')
  chmodSync(join(folder, 'old.txt'), 0o664)
  const path = await write('old.txt')
  expect(readFileSync(path, 'utf8')).toBe('report\n')
  expect(mode(path)).toBe(0o664)
})

it.each(['there', 'missing'])('a link stays a link, its target being %s', async (state) => {
  mkdirSync(join(folder, 'elsewhere'))
  if (state === 'there') writeFileSync(join(folder, 'elsewhere', 'target'), 'old')
  symlinkSync('elsewhere/target', join(folder, 'middle'))
  symlinkSync('middle', join(folder, 'link'))
  const path = await write('link')
  expect(lstatSync(path).isSymbolicLink()).toBe(true)
  expect(lstatSync(join(folder, 'middle')).isSymbolicLink()).toBe(true)
  expect(readFileSync(join(folder, 'elsewhere', 'target'), 'utf8')).toBe('report\n')
})

it.each(['itself', 'a link'])('a pipe is written to and stays one, by %s', async (by) => {
  const pipe = join(folder, 'pipe')
  execFileSync('mkfifo', [pipe])
  symlinkSync('pipe', join(folder, 'link'))
  const name = by === 'itself' ? 'pipe' : 'link'
  const kindBefore = lstatSync(join(folder, name)).mode
  const reading = readFile(pipe, 'utf8')
  await write(name)
  // First that it is still a pipe: a file in its place would leave the reader waiting forever.
  expect(statSync(pipe).isFIFO()).toBe(true)
  expect(lstatSync(join(folder, name)).mode).toBe(kindBefore)
  expect(await reading).toBe('report\n')
})

it('a folder, a folder that is missing and a circle of links are refused before the work', async () => {
  symlinkSync('circle', join(folder, 'circle'))
  await expect(checkWritable(folder)).rejects.toThrow('is a folder')
  await expect(checkWritable(join(folder, 'no', 'x'))).rejects.toThrow('cannot be written to')
  await expect(checkWritable(join(folder, 'circle'))).rejects.toThrow('cannot be reached')
})
