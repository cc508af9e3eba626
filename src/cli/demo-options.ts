import type { SourceProgress } from '../changes/source.ts'
import type { Logger } from '../runtime/logger.ts'
import { usageError } from './session.ts'

export interface DemoSize {
  /** People of the internal platform and of the vendor. */
  readonly internal: number
  readonly vendor: number
}

/** What `runDemo` is called with. */
export interface DemoOptions {
  /** Undefined: the demo's own default. */
  readonly size: DemoSize | undefined
  readonly dirty: boolean
  /** Leave the warehouse running and tell how to reach it. */
  readonly keep: boolean
  readonly flavour: 'mariadb' | 'mysql' | undefined
  readonly log: Logger
  readonly signal: AbortSignal
  readonly onProgress: (progress: readonly SourceProgress[]) => void
  /** A line for people, to stderr. */
  readonly note: (line: string) => void
}

/** The vendor has about 15 users for 100 internal ones. */
const vendorShare = 0.15
const largest = 100_000_000

/** `100000` or `100000x15000`. */
export function parseDemoSize(text: string): DemoSize {
  const match = /^(\d+)(?:x(\d+))?$/i.exec(text.replaceAll(/[_,]/g, ''))
  const internal = Number(match?.[1])
  const vendor = match?.[2] === undefined ? Math.max(1, Math.round(internal * vendorShare)) : Number(match[2])
  if (!match || internal < 1 || internal > largest || vendor < 1 || vendor > largest) {
    throw usageError('--size takes one number of people or two', 'write it as 20000 or 20000x3000')
  }
  // Among fewer there is nobody to tell apart: the chance of a match would be 1 to 1.
  if (internal < 2)
    throw usageError('--size takes at least 2 internal people', 'write it as 20000 or 20000x3000')
  return { internal, vendor }
}
