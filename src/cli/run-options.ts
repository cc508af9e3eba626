import type { GlobalOptions } from './session.ts'

/** The options of `run`. */
export interface RunOptions extends GlobalOptions {
  readonly snapshot?: boolean
  readonly asOf?: string
  readonly prune?: boolean
  readonly output?: string
  readonly keep?: boolean
}
