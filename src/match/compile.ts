import type { Pass, PartPlace } from './block.ts'
import type { Comparison, ModelDefinition } from './definition.ts'
import { censusGivenNames, censusSurnames, rarity, type FrequencyTable } from './frequencies.ts'
import { transformsOf, type Transform } from './key-parts.ts'
import { defaultLevels, defaultSwapped, type Level, type LevelSetting, type LevelSettings } from './levels.ts'
import type { FieldKind } from './normalize.ts'

/** Field → frequency table. Given names and surnames have the shipped ones unless a calibrated one stands here. */
export type FrequencyTables = Readonly<Record<string, FrequencyTable>>

/** A compared field with everything that a configuration may leave out. */
export interface FieldPlan {
  readonly name: string
  /** Its place in a record. */
  readonly index: number
  readonly kind: FieldKind
  readonly comparison: Comparison
  readonly levels: LevelSettings
  readonly table: FrequencyTable | null
  /** What blocking takes from it; a slot is a place in this list. */
  readonly transforms: Transform[]
}

export interface SwapPlan {
  readonly first: FieldPlan
  readonly second: FieldPlan
  readonly m: number
  readonly uTimesShare: number
}

/** What is wrong with a definition for these fields; `path` leads into the definition. */
export interface ModelProblem {
  readonly path: readonly (string | number)[]
  readonly message: string
}

export interface ModelPlan {
  readonly fields: readonly FieldPlan[]
  readonly swap: SwapPlan | null
  readonly passes: readonly Pass[]
  readonly problems: readonly ModelProblem[]
}

/** Resolves a definition against the fields of its match. Problems are collected, never thrown. */
export function planModel(
  definition: ModelDefinition,
  fieldNames: readonly string[],
  tables: FrequencyTables = {},
): ModelPlan {
  const problems: ModelProblem[] = []
  const fields = planFields(definition, fieldNames, tables, problems)
  const swap = planSwap(definition, fields, problems)
  const passes = planPasses(definition, fields, problems)
  return { fields, swap, passes, problems }
}

function planFields(
  definition: ModelDefinition,
  fieldNames: readonly string[],
  tables: FrequencyTables,
  problems: ModelProblem[],
): FieldPlan[] {
  const fields: FieldPlan[] = []
  for (const [name, comparison] of Object.entries(definition.compare)) {
    const index = fieldNames.indexOf(name)
    if (index === -1) {
      problems.push({
        path: ['compare', name],
        message: `is no field of this match: ${fieldNames.join(', ')}`,
      })
    }
    const table = tables[name] ?? shippedTable(comparison.kind)
    const levels = mergeLevels(comparison)
    for (const [level, setting] of Object.entries(levels)) {
      if (table !== null || !('uTimesShare' in setting)) continue
      const path = ['compare', name, 'levels', level, 'uTimesShare']
      problems.push({ path, message: `there is no frequency table for the kind ${comparison.kind}; give u` })
    }
    fields.push({ name, index, kind: comparison.kind, comparison, levels, table, transforms: [] })
  }
  return fields.sort((a, b) => a.index - b.index)
}

function shippedTable(kind: FieldKind): FrequencyTable | null {
  if (kind === 'given-name') return censusGivenNames
  return kind === 'surname' ? censusSurnames : null
}

/** The defaults with what the configuration says in place of them, in the order of the defaults. */
function mergeLevels({ kind, levels }: Comparison): LevelSettings {
  const given: Readonly<Partial<Record<Level, GivenSetting | undefined>>> = levels
  const merged: Partial<Record<Level, LevelSetting>> = {}
  const standards: Readonly<Record<string, StandardSetting>> = defaultLevels[kind]
  for (const [name, standard] of Object.entries(standards)) {
    merged[name as Level] = mergeLevel(given[name as Level] ?? {}, standard)
  }
  return merged
}

interface GivenSetting {
  readonly weight?: number | undefined
  readonly m?: number | undefined
  readonly u?: number | undefined
  readonly uTimesShare?: number | undefined
}

type StandardSetting = Exclude<LevelSetting, { readonly weight: number }>

function mergeLevel(given: GivenSetting, standard: StandardSetting): LevelSetting {
  if (given.weight !== undefined) return { weight: given.weight }
  const m = given.m ?? standard.m
  if (given.u !== undefined) return { m, u: given.u }
  if (given.uTimesShare !== undefined) return { m, uTimesShare: given.uTimesShare }
  return { ...standard, m }
}

function planSwap(
  { swapped }: ModelDefinition,
  fields: readonly FieldPlan[],
  problems: ModelProblem[],
): SwapPlan | null {
  if (swapped === false) return null
  if (swapped === undefined) {
    const [first, another] = fields.filter(({ kind }) => kind === 'given-name')
    const [second, yetAnother] = fields.filter(({ kind }) => kind === 'surname')
    if (first === undefined || second === undefined || another !== undefined || yetAnother !== undefined)
      return null
    return { first, second, ...defaultSwapped }
  }
  const [first, second] = swapped.fields.map((name, i) => {
    const field = fields.find((candidate) => candidate.name === name && candidate.table !== null)
    if (field === undefined) {
      problems.push({ path: ['swapped', 'fields', i], message: 'must be a compared given name or surname' })
    }
    return field
  })
  if (first === undefined || second === undefined) return null
  return { first, second, m: swapped.m, uTimesShare: swapped.uTimesShare }
}

function planPasses(
  { block }: ModelDefinition,
  fields: readonly FieldPlan[],
  problems: ModelProblem[],
): Pass[] {
  const place = (text: string, path: (string | number)[]): PartPlace => {
    const [name, transform = 'whole'] = text.split('.') as [string, Transform?]
    const field = fields.find((candidate) => candidate.name === name)
    if (field === undefined) {
      problems.push({ path, message: `${name} is not compared; add it to compare` })
      return { field: -1, slot: -1 }
    }
    if (!transformsOf[field.kind].includes(transform)) {
      const known = transformsOf[field.kind].filter((other) => other !== 'whole')
      problems.push({
        path,
        message: `a ${field.kind} has no .${transform}; it has: ${known.join(', ') || 'none'}`,
      })
    }
    if (!field.transforms.includes(transform)) field.transforms.push(transform)
    return { field: field.index, slot: field.transforms.indexOf(transform) }
  }
  return block.map(({ key, unordered, common }, i) => {
    const parts = key.map((text, j) => place(text, ['block', i, 'key', j]))
    const longer = common?.longer.map((texts, j) =>
      texts.map((text, k) => place(text, ['block', i, 'common', 'longer', j, k])),
    )
    if (unordered && key.length < 2) {
      problems.push({ path: ['block', i, 'unordered'], message: 'needs a key of at least two parts' })
    }
    return {
      parts,
      unordered,
      common: common === undefined ? null : { below: Math.round(common.below * 1000), longer: longer ?? [] },
    }
  })
}

/** Milli-bits that agreement on a value without a frequency table brings to a key: −log2 of its default `u`. */
export function defaultRarity({ levels }: FieldPlan): number {
  const { exact } = levels
  return exact !== undefined && 'u' in exact ? rarity(exact.u) : 0
}
