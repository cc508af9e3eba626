import { dirname, resolve } from 'node:path'
import { msOf } from './duration.ts'
import { httpSourceConfig, type HttpSourceConfig } from './http-source.ts'
import { matchConfig, type MatchConfig } from './match.ts'
import { mysqlSourceConfig, type MysqlSourceConfig } from './mysql-source.ts'
import type { Settings, SourceSettings } from './schema.ts'
import type { Redactor } from './redactor.ts'
import { warehouseConfig, type WarehouseConfig } from './warehouse.ts'

export type SourceConfig = MysqlSourceConfig | HttpSourceConfig

/** What the operator configured: checked, complete, deeply frozen; durations in milliseconds, sizes in bytes. */
export interface Config {
  /** The configuration file, absolute, and its folder. */
  readonly path: string
  readonly directory: string
  readonly warehouse: WarehouseConfig
  readonly sources: readonly SourceConfig[]
  readonly matches: readonly MatchConfig[]
  /** Absolute paths of existing files, in the order in which they are applied. */
  readonly views: readonly string[]
  readonly report: string | null
  readonly deadLetters: { readonly retentionMs: number }
  readonly matchHistory: { readonly changesMs: number; readonly intervalsMs: number }
  /** `YYYY-MM-DD`, or null for the current UTC date. */
  readonly asOf: string | null
  /** Takes every secret of this configuration out of a text that is to be printed. */
  readonly redact: (text: string) => string
}

export interface ConfigParts {
  readonly path: string
  readonly settings: Settings
  readonly views: readonly string[]
  readonly redactor: Redactor
}

export function toConfig({ path, settings, views, redactor }: ConfigParts): Config {
  const directory = dirname(path)
  const absolute = (file: string): string => resolve(directory, file)
  return deepFreeze({
    path,
    directory,
    warehouse: warehouseConfig(settings.warehouse),
    sources: Object.entries(settings.sources).map(([name, source]) => sourceConfig(name, source, absolute)),
    matches: Object.entries(settings.matches).map(([name, match]) => matchConfig(name, match)),
    views,
    report: settings.report === undefined ? null : absolute(settings.report),
    deadLetters: { retentionMs: msOf(settings.deadLetters.retention) },
    matchHistory: {
      changesMs: msOf(settings.matchHistory.changes),
      intervalsMs: msOf(settings.matchHistory.intervals),
    },
    asOf: settings.asOf ?? null,
    redact: (text) => redactor.redact(text),
  })
}

function sourceConfig(
  name: string,
  settings: SourceSettings,
  absolute: (path: string) => string,
): SourceConfig {
  switch (settings.type) {
    case 'mysql':
      return mysqlSourceConfig(name, settings, absolute)
    case 'http':
      return httpSourceConfig(name, settings, absolute)
    default:
      return settings satisfies never
  }
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const member of Object.values(value)) deepFreeze(member)
  }
  return value
}
