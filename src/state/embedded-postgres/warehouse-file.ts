import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isAlive } from './users.ts'

/** Tells other programs of this machine where the warehouse is. The password stands in a file of its own. */
export interface WarehouseFile {
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  readonly passwordFile: string
  /** The server's process; null when it is stopped. */
  readonly pid: number | null
}

const pathOf = (directory: string) => join(directory, 'warehouse.json')

/** The port the server had last; it is kept so that saved connections of other programs stay valid. */
export async function lastPort(directory: string): Promise<number | undefined> {
  try {
    const { port } = JSON.parse(await readFile(pathOf(directory), 'utf8')) as Partial<WarehouseFile>
    return typeof port === 'number' && port > 0 && port < 65_536 ? port : undefined
  } catch {
    // None yet, or not ours any more: then any port will do.
    return undefined
  }
}

/** What the file says of a server that runs. */
export async function runningWarehouse(
  directory: string,
): Promise<(WarehouseFile & { readonly pid: number }) | undefined> {
  const text = await readFile(pathOf(directory), 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  const file = JSON.parse(text) as WarehouseFile
  return file.pid !== null && isAlive(file.pid) ? { ...file, pid: file.pid } : undefined
}

export async function writeWarehouseFile(directory: string, content: WarehouseFile): Promise<void> {
  const path = pathOf(directory)
  await writeFile(`${path}.new`, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 })
  await rename(`${path}.new`, path)
}
