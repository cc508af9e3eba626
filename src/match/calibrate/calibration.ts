import { z } from 'zod'
import { rarity, type FrequencyTable } from '../frequencies.ts'
import type { FrequencyTables } from '../compile.ts'
import { modelDefinition, type ModelDefinition } from '../definition.ts'
import type { Level } from '../levels.ts'
import { createHash } from 'node:crypto'

const share = z.number().gt(0).max(1)

const calibratedLevel = z.union([
  z.strictObject({ m: share, u: share }),
  z.strictObject({ m: share, uTimesShare: z.number().gt(0).max(1e6) }),
])

/** Rarity in milli-bits (as text, for JSON) → the values with it. */
const frequencies = z.strictObject({
  unknown: z.number().int().min(0).max(60_000),
  values: z.record(z.string().regex(/^\d{1,5}$/), z.array(z.string())),
})

export const calibrationDocument = z.strictObject({
  levels: z.record(z.string(), z.record(z.string(), calibratedLevel)),
  frequencies: z.record(z.string(), frequencies),
})

/**
 * What was learnt from data about a model: the chances of levels, by field, and how common the values of fields are.
 * It takes the place of what the definition and the shipped tables say; a `weight` given outright stays.
 */
export type Calibration = z.output<typeof calibrationDocument>
export type CalibratedLevel = z.output<typeof calibratedLevel>

/** The definition and the frequency tables with what was learnt in them. Throws what `zod` finds wrong. */
export function calibrated(
  definition: ModelDefinition,
  { levels, frequencies: learnt }: Calibration,
): { definition: ModelDefinition; tables: FrequencyTables } {
  const compare = Object.entries(definition.compare).map(([field, comparison]) => {
    const given: Readonly<Partial<Record<Level, { weight?: number | undefined } | undefined>>> =
      comparison.levels
    const kept = Object.entries(given).filter(([, setting]) => setting?.weight !== undefined)
    return [field, { ...comparison, levels: { ...levels[field], ...Object.fromEntries(kept) } }]
  })
  return {
    definition: modelDefinition.parse({ ...definition, compare: Object.fromEntries(compare) as unknown }),
    tables: Object.fromEntries(Object.entries(learnt).map(([field, one]) => [field, tableOf(one)])),
  }
}

function tableOf({ unknown, values }: Calibration['frequencies'][string]): FrequencyTable {
  const shares = new Map<string, number>()
  for (const [milliBits, names] of Object.entries(values)) {
    for (const name of names) shares.set(name, shareOf(Number(milliBits)))
  }
  const hash = createHash('sha256').update(JSON.stringify([unknown, [...shares].sort()]))
  return { version: `learnt ${hash.digest('hex')}`, shares, unknownShare: shareOf(unknown) }
}

const shareOf = (milliBits: number): number => 2 ** (-milliBits / 1000)

/** Counts of values, the commonest ones, in buckets; `total` and `distinct` of all values, the others included. */
export function bucketed(
  counts: readonly (readonly [value: string, count: number])[],
  { total, distinct }: { readonly total: number; readonly distinct: number },
): Calibration['frequencies'][string] {
  const values: Record<string, string[]> = {}
  let listed = 0
  for (const [value, count] of counts) {
    listed += count
    ;(values[String(rarity(count / total))] ??= []).push(value)
  }
  const others = Math.max(1, distinct - counts.length)
  return { unknown: rarity(Math.max(1, (total - listed) / others) / total), values }
}
