import { randomBytes } from 'node:crypto'
import { access, constants, open, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { OperatorError } from '../runtime/errors.ts'

/** Fails before a long run rather than after it when its result could not be written. */
export async function checkWritable(file: string): Promise<void> {
  const path = resolve(file)
  const directory = dirname(path)
  try {
    await access(directory, constants.W_OK)
  } catch (error) {
    throw refusal(error, `--output: the folder ${directory} cannot be written to`)
  }
  const found = await stat(path).catch(() => null)
  if (found?.isDirectory()) throw refusal(null, `--output: ${path} is a folder`)
}

/** Whoever reads the file sees the old content or the new one, never a part. */
export async function writeFileAtomically(file: string, content: string): Promise<void> {
  const path = resolve(file)
  const draft = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}`)
  try {
    const handle = await open(draft, 'wx')
    try {
      await handle.writeFile(content)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(draft, path)
  } catch (error) {
    await rm(draft, { force: true })
    throw refusal(error, `--output: ${path} cannot be written`)
  }
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
