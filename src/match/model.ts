import { OperatorError } from '../runtime/errors.ts'
import { blockingKeys, compilePass } from './block.ts'
import { comparisonOf, type Compare } from './compare.ts'
import {
  defaultRarity,
  planModel,
  type FieldPlan,
  type FrequencyTables,
  type ModelPlan,
  type SwapPlan,
} from './compile.ts'
import type { ModelDefinition } from './definition.ts'
import { chanceAgreement } from './frequencies.ts'
import { fingerprintOf } from './fingerprint.ts'
import { keyPartsOf } from './key-parts.ts'
import { defaultSimilarity, type Level } from './levels.ts'
import { Memo, memoizePairs, numbering } from './memo.ts'
import { compileSynonyms, prepareValue, type Prepared, type PreparedValue } from './prepare.ts'
import { specialtySynonyms } from './synonyms.ts'
import {
  compileLevel,
  compileLevels,
  milliBits,
  weigh,
  weigherOf,
  type LevelWeight,
  type Weigher,
} from './weigh.ts'

export type { Prepared, PreparedValue } from './prepare.ts'

/** Values remembered per field; at about half a kilobyte each this bounds a field to five megabytes. */
const rememberedValues = 10_000

/** Places for pairs of unlike values of which the level is remembered, per field. */
const rememberedPairs = 2 ** 16

/** One summand of a score. */
export interface FieldComparison {
  /** Null for the prior, which is a summand too. */
  readonly field: string | null
  readonly level: Level | 'missing' | 'swapped' | 'prior'
  /** Milli-bits, the term-frequency part included. */
  readonly weight: number
  /** How much of `weight` is due to the values being rarer (or commoner) than average, milli-bits. */
  readonly termFrequency: number
}

/** A compiled model: pure functions of records, the same on every machine. */
export interface Model {
  /** The order of the values in a record. */
  readonly fields: readonly string[]
  /** The places of the values on which keys and scores depend; the others are only shown. */
  readonly compared: readonly number[]
  /** Milli-bits. */
  readonly threshold: number
  /** Milli-bits; pairs below need not be stored. */
  readonly floor: number
  /**
   * Hash of everything that can change a score or a key, frequency tables included. Threshold and floor are not
   * in it: by the prefix property they only cut the list of pairs.
   */
  readonly fingerprint: string
  /** Raw or already normalised values in the order of `fields`; the result is the same. */
  prepare(values: readonly (string | null)[]): Prepared
  /** Gives back the memory of values that it remembers, which those that come next take again; results stay the same. */
  forget(): void
  /** Distinct safe integers, 0 to 2^53 − 1. */
  keys(record: Prepared): number[]
  /** The blocking passes as they are configured, in words. */
  readonly passes: readonly string[]
  /** The keys that each pass gives, by its place in `passes`. */
  keysByPass(record: Prepared): number[][]
  /** Milli-bits, an integer: the sum of the weights of `explain`. */
  score(left: Prepared, right: Prepared): number
  /** The prior first, then each compared field in the order of `fields`. */
  explain(left: Prepared, right: Prepared): FieldComparison[]
}

/** What a stored pair keeps of `explain`, as JSON: [field, level, weight, term-frequency part] of each summand. */
export function summandsOf(model: Model, left: Prepared, right: Prepared): string {
  const summands = model.explain(left, right)
  return JSON.stringify(
    summands.map(({ field, level, weight, termFrequency }) => [field, level, weight, termFrequency]),
  )
}

/**
 * Compiles a definition for records with these fields. `tables` replaces shipped frequency tables by calibrated
 * ones. Throws an `OperatorError` (`model-invalid`) for problems that `planModel` reports.
 */
export function compileModel(
  definition: ModelDefinition,
  fieldNames: readonly string[],
  tables: FrequencyTables = {},
): Model {
  const plan = planModel(definition, fieldNames, tables)
  refuseProblems(plan)
  const fields = plan.fields.map((field) => compileField(field, plan.swap))
  const swap = plan.swap === null ? null : compileSwap(plan.swap)
  const passes = plan.passes.map(compilePass)
  const prior = milliBits(-Math.log2(definition.prior))
  const explain = (left: Prepared, right: Prepared): FieldComparison[] => [
    { field: null, level: 'prior', weight: prior, termFrequency: 0 },
    ...explainFields(fields, swap, left, right),
  ]
  return {
    fields: [...fieldNames],
    compared: fields.map(({ index }) => index),
    threshold: milliBits(definition.threshold),
    floor: milliBits(definition.review),
    fingerprint: fingerprintOf(definition, fieldNames, plan),
    prepare: (values) => prepareRecord(fields, fieldNames.length, values),
    forget: () => {
      for (const { prepared } of fields) prepared.forget()
    },
    keys: (record) => blockingKeys(passes, record),
    passes: definition.block.map(({ key }) => key.join(' + ')),
    keysByPass: (record) => passes.map((pass) => blockingKeys([pass], record)),
    score: (left, right) => scoreFields(fields, swap, left, right) + prior,
    explain,
  }
}

function refuseProblems({ problems }: ModelPlan): void {
  if (problems.length === 0) return
  throw new OperatorError({
    code: 'model-invalid',
    area: 'configuration',
    message: problems.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; '),
    hint: 'Mend the match section of the configuration.',
  })
}

interface CompiledField {
  readonly name: string
  readonly index: number
  readonly prepared: Memo<PreparedValue | null>
  readonly compare: Compare
  readonly weigher: Weigher
}

function compileField(plan: FieldPlan, swap: SwapPlan | null): CompiledField {
  const { comparison, table } = plan
  const synonyms = compileSynonyms(
    comparison.kind === 'category' ? (comparison.synonyms ?? specialtySynonyms) : {},
  )
  const keyParts = keyPartsOf({
    transforms: plan.transforms,
    table,
    exchangedTable: exchangedTableOf(plan, swap),
    defaultRarity: defaultRarity(plan),
  })
  const preparation = { kind: plan.kind, table, synonyms, nextNumber: numbering(), keyParts }
  const prepare = (raw: string): PreparedValue | null => prepareValue(raw, preparation)
  const similarity = 'similarity' in comparison ? comparison.similarity : defaultSimilarity
  const compare = comparisonOf(plan.kind, similarity)
  return {
    name: plan.name,
    index: plan.index,
    prepared: new Memo(prepare, rememberedValues),
    compare: plan.table === null ? compare : rememberUnlike(compare),
    weigher: weigherOf(compileLevels(plan.levels, table === null ? null : chanceAgreement(table))),
  }
}

/** Equality is cheaper than a look into a table; telling how two names differ is not. */
function rememberUnlike(compare: Compare): Compare {
  const remembered = memoizePairs(compare, rememberedPairs)
  return (a, b) => (a === b ? 'exact' : remembered(a, b))
}

function exchangedTableOf(plan: FieldPlan, swap: SwapPlan | null): FieldPlan['table'] {
  if (swap?.first === plan) return swap.second.table
  return swap?.second === plan ? swap.first.table : null
}

function prepareRecord(
  fields: readonly CompiledField[],
  width: number,
  raw: readonly (string | null)[],
): Prepared {
  const values = new Array<PreparedValue | null>(width).fill(null)
  for (const { index, prepared } of fields) {
    const value = raw[index]
    if (value !== null && value !== undefined) values[index] = prepared.get(value)
  }
  return { values }
}

interface CompiledSwap {
  readonly first: CompiledFieldPlace
  readonly second: CompiledFieldPlace
  readonly weight: LevelWeight
  /** What both fields bring at most: exact agreement, milli-bits without the rarities. */
  readonly exactOffset: number
}

interface CompiledFieldPlace {
  readonly name: string
  readonly index: number
}

function compileSwap({ first, second, m, uTimesShare }: SwapPlan): CompiledSwap {
  const exactOf = ({ levels, table }: FieldPlan): number => {
    const exact =
      levels.exact === undefined ? null : compileLevel(levels.exact, table && chanceAgreement(table))
    return exact === null || exact.fixed ? 0 : exact.offset
  }
  return {
    first: { name: first.name, index: first.index },
    second: { name: second.name, index: second.index },
    weight: compileLevel({ m, uTimesShare }, 1),
    exactOffset: exactOf(first) + exactOf(second),
  }
}

/**
 * The weight of exchanged names in milli-bits, or null when they are not. The rarity is that of the less likely
 * of both orders (a James as surname, a Smith as given name), at most that of agreement in the likelier one.
 */
function weighSwap(
  { first, second, weight, exactOffset }: CompiledSwap,
  left: Prepared,
  right: Prepared,
): number | null {
  const a1 = left.values[first.index]
  const a2 = left.values[second.index]
  const b1 = right.values[first.index]
  const b2 = right.values[second.index]
  if (!a1 || !a2 || !b1 || !b2) return null
  if (a1.hash !== b2.hash || a1.core !== b2.core || a2.core !== b1.core) return null
  const ofLeft = a1.rarity + a2.rarity
  const ofRight = b1.rarity + b2.rarity
  return Math.min(exactOffset + Math.min(ofLeft, ofRight), weight.offset + Math.max(ofLeft, ofRight))
}

function scoreFields(
  fields: readonly CompiledField[],
  swap: CompiledSwap | null,
  left: Prepared,
  right: Prepared,
): number {
  let total = 0
  let names = 0
  for (const { index, compare, weigher } of fields) {
    const a = left.values[index]
    const b = right.values[index]
    if (!a || !b) continue
    const weight = weigh(weigher, compare(a, b), a, b)
    total += weight
    if (swap !== null && (index === swap.first.index || index === swap.second.index)) names += weight
  }
  const swapped = swap === null ? null : weighSwap(swap, left, right)
  return swapped !== null && swapped > names ? total - names + swapped : total
}

function explainFields(
  fields: readonly CompiledField[],
  swap: CompiledSwap | null,
  left: Prepared,
  right: Prepared,
): FieldComparison[] {
  const parts = fields.map(({ name, index, compare, weigher }): FieldComparison => {
    const a = left.values[index]
    const b = right.values[index]
    if (!a || !b) return { field: name, level: 'missing', weight: 0, termFrequency: 0 }
    const level = compare(a, b)
    const weight = weigh(weigher, level, a, b)
    return {
      field: name,
      level,
      weight,
      termFrequency: weight - (weigher.weights[level]?.average ?? weight),
    }
  })
  const swapped = swap === null ? null : weighSwap(swap, left, right)
  if (swap === null || swapped === null) return parts
  const isName = ({ field }: FieldComparison): boolean =>
    field === swap.first.name || field === swap.second.name
  const names = parts.filter(isName).reduce((sum, { weight }) => sum + weight, 0)
  return swapped > names ? parts.map((part) => (isName(part) ? asSwapped(part, swap, swapped) : part)) : parts
}

/** The weight belongs to the pair of fields; it is shown at the first of them. */
function asSwapped(part: FieldComparison, swap: CompiledSwap, weight: number): FieldComparison {
  const isFirst = part.field === swap.first.name
  return {
    field: part.field,
    level: 'swapped',
    weight: isFirst ? weight : 0,
    termFrequency: isFirst ? weight - swap.weight.average : 0,
  }
}
