import { totalmem } from 'node:os'

export type PostgresSettings = Readonly<Record<string, string | number>>

/** The memory this process and its children may use, in MB: the machine's, or less in a container. */
export function availableMemoryMb(): number {
  const limit = process.constrainedMemory()
  const total = totalmem()
  return Math.floor((limit > 0 ? Math.min(limit, total) : total) / 1024 ** 2)
}

/**
 * Settings for a warehouse that shares its machine with the process that fills it. Durability is not among
 * them: it stays as Postgres has it, with every commit on disk before it is acknowledged.
 */
export function warehouseSettings(memoryMb: number): PostgresSettings {
  const mb = (share: number, least: number, most: number) =>
    `${Math.round(Math.max(least, Math.min(most, memoryMb / share)))}MB`
  return {
    // What following a match touches: with a million people 1.4 GB.
    shared_buffers: mb(8, 32, 4096),
    effective_cache_size: mb(2, 64, 4096),
    maintenance_work_mem: mb(16, 16, 256),
    work_mem: mb(128, 4, 32),
    // Bulk loads would otherwise force a checkpoint, and with it full page images, every few seconds.
    max_wal_size: '4GB',
    min_wal_size: '128MB',
    checkpoint_timeout: '15min',
    random_page_cost: 1.1,
    // Compiling costs more than it saves on queries of this size.
    jit: 'off',
    max_connections: 50,
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_checkpoints: 'off',
  }
}

/** Lines of a `postgresql.conf`. */
export function settingLines(settings: PostgresSettings): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} = '${String(value).replaceAll("'", "''")}'\n`)
    .join('')
}
