import { randomBytes } from 'node:crypto'
import type { Stats } from 'node:fs'
import { access, constants, lstat, open, readlink, realpath, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { OperatorError } from '../runtime/errors.ts'

/** Where the content goes once links are followed: a link must stay one. */
interface Target {
  readonly path: string
  /** Null: there is nothing yet. */
  readonly found: Stats | null
}

/** Fails before a long run rather than after it when its result could not be written. */
export async function checkWritable(file: string): Promise<void> {
  const { path, found } = await targetOf(file)
  if (found?.isDirectory()) throw refusal(null, `--output: ${path} is a folder`)
  if (found !== null) {
    await access(path, constants.W_OK).catch((error: unknown) => {
      throw refusal(error, `--output: ${path} cannot be written to`)
    })
  }
  if (found !== null && !found.isFile()) return
  const directory = dirname(path)
  await access(directory, constants.W_OK).catch((error: unknown) => {
    throw refusal(error, `--output: the folder ${directory} cannot be written to`)
  })
}

/**
 * Whoever reads a file sees the old content or the new one, never a part. Devices, pipes and sockets are written to:
 * a file in their place would break everybody else who uses them.
 */
export async function writeOutput(file: string, content: string): Promise<void> {
  const { path, found } = await targetOf(file)
  try {
    if (found === null || found.isFile()) await replaceFile(path, found, content)
    else await writeInto(path, content)
  } catch (error) {
    throw refusal(error, `--output: ${path} cannot be written`)
  }
}

async function replaceFile(path: string, found: Stats | null, content: string): Promise<void> {
  const draft = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}`)
  try {
    // A report holds people's data: it is its writer's alone unless somebody has decided otherwise.
    const handle = await open(draft, 'wx', 0o600)
    try {
      await handle.writeFile(content)
      if (found !== null && process.getuid?.() === 0) await handle.chown(found.uid, found.gid)
      if (found !== null) await handle.chmod(found.mode & 0o7777)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(draft, path)
  } catch (error) {
    await rm(draft, { force: true })
    throw error
  }
}

async function writeInto(path: string, content: string): Promise<void> {
  const handle = await open(path, constants.O_WRONLY)
  try {
    await handle.writeFile(content)
  } finally {
    await handle.close()
  }
}

async function targetOf(file: string): Promise<Target> {
  const path = resolve(file)
  try {
    const found = await statIfThere(path)
    if (found === null) return { path: await endOfLinks(path), found }
    // Not of pipes: what `/dev/stdout` leads to has no path of its own.
    return { path: found.isFile() ? await realpath(path) : path, found }
  } catch (error) {
    throw refusal(error, `--output: ${path} cannot be reached`)
  }
}

async function statIfThere(path: string): Promise<Stats | null> {
  try {
    return await stat(path)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}

/** Of a path that leads to nothing, and so not in a circle. */
async function endOfLinks(path: string): Promise<string> {
  const link = await lstat(path).catch(() => null)
  if (!link?.isSymbolicLink()) return path
  return endOfLinks(resolve(await realpath(dirname(path)), await readlink(path)))
}

function refusal(cause: unknown, message: string): OperatorError {
  const denied = cause instanceof Error && 'code' in cause && cause.code === 'EACCES'
  return new OperatorError({
    area: denied ? 'permission' : 'usage',
    code: 'output-not-writable',
    message,
    hint: 'name a file in a folder that exists and that you may write to',
    cause,
  })
}
