import type { SourceConfig } from './config.ts'

/** A stream that a source feeds, whatever kind of source it is. */
export interface StreamConfig {
  readonly stream: string
  readonly description: string | null
}

export function streamsOf(source: SourceConfig): readonly StreamConfig[] {
  switch (source.type) {
    case 'mysql':
      return source.tables
    case 'http':
      return [source]
    default:
      return source satisfies never
  }
}
