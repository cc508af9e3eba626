import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Tells other programs of this machine where the warehouse is. The password stands in a file of its own. */
export interface WarehouseFile {
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  readonly passwordFile: string
  /** The server's process. */
  readonly pid: number
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

export async function writeWarehouseFile(directory: string, content: WarehouseFile): Promise<void> {
  const path = pathOf(directory)
  await writeFile(`${path}.new`, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 })
  await rename(`${path}.new`, path)
}
