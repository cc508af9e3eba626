import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * The processes that use a server, one file each: the last one to leave stops it. A process that was killed
 * leaves its file behind, so a file counts only while the same process lives.
 */
export class Users {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  /** `ticket` tells several openings within one process apart. */
  async enter(ticket: string): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    await writeFile(join(this.#folder, ticket), await startOf(process.pid))
  }

  async leave(ticket: string): Promise<void> {
    await rm(join(this.#folder, ticket), { force: true })
  }

  async areThere(): Promise<boolean> {
    const names = await readdir(this.#folder).catch(() => [])
    for (const name of names) {
      const pid = Number(name.split('-')[0])
      const recorded = await readFile(join(this.#folder, name), 'utf8').catch(() => undefined)
      if (isAlive(pid) && recorded === (await startOf(pid))) return true
      await rm(join(this.#folder, name), { force: true })
    }
    return false
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // Somebody else's process, but a living one.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** The kernel's start time of a process, which tells it from a later one with the same number. */
async function startOf(pid: number): Promise<string> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  // The name in parentheses may hold spaces; the start time is the 20th field after it.
  return (
    text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .at(19) ?? ''
  )
}
