import { parseArgs } from 'node:util'
import { generate } from '../examples/vendor-match/generate.ts'
import { noiseKinds } from '../examples/vendor-match/records.ts'
import { modelDefinition } from '../src/match/definition.ts'
import { compileModel, type Model } from '../src/match/model.ts'
import { curveOf, isCorrect, type Assigned, type Curve, type Point } from './accuracy/curve.ts'
import { assign, matchAll, type Matched } from './accuracy/match.ts'
import { oneToOne } from './accuracy/one-to-one.ts'
import {
  fieldNames,
  internalFields,
  readInternal,
  readVendor,
  type Internal,
  type VendorRecord,
} from './accuracy/population.ts'
import { posteriorOf, type Posterior } from './accuracy/posterior.ts'

const usage = `How accurate the shipped model is on the example's data, and how accurate anything could be.

  npm run bench accuracy -- [--size 1000000x151677] [--seed 1] [--clean] [--no-oracle]
`

/** What the product must reach at least. */
const wantedPrecision = 0.995

interface People {
  readonly internal: Internal
  readonly vendor: readonly VendorRecord[]
}

function run(settings: { internal: number; vendor: number; seed: number; dirty: boolean }): void {
  const started = performance.now()
  const data = generate(settings)
  const people = { internal: readInternal(data), vendor: readVendor(data) }
  const model = compileModel(modelDefinition.parse({ prior: Math.max(2, settings.internal) }), fieldNames)
  const matched = matchAll(model, people.internal, people.vendor)
  const curve = curveOf(matched.assigned, people)
  const shipped = curve.at(model.threshold)
  const decidable = (place: number): boolean => {
    const record = people.vendor[place]
    return record?.decidable === true && record.original !== null
  }
  const blockingRecall =
    matched.truthFound.reduce((sum, found, place) => sum + (decidable(place) ? found : 0), 0) / curve.expected
  const candidatesPerRecord = matched.candidates / settings.vendor

  printCurve(curve, model)
  console.log(
    `\nblocking recall ${share(blockingRecall)}, ${candidatesPerRecord.toFixed(1)} candidates per vendor user`,
  )
  printNoise(people, matched, model)
  printPatterns(people, matched, model)
  const bounds = settings.dirty && !options['no-oracle'] ? printBounds(people) : {}
  console.log(
    JSON.stringify({
      bench: 'accuracy',
      ...settings,
      seconds: Math.round((performance.now() - started) / 1000),
      peakRssMb: Math.round(process.resourceUsage().maxRSS / 1024),
      threshold: model.threshold / 1000,
      ...rounded(shipped),
      wrong: shipped.found - shipped.correct,
      blockingRecall: Number(blockingRecall.toFixed(4)),
      candidatesPerRecord: Number(candidatesPerRecord.toFixed(2)),
      atPrecision995: rounded(curve.atPrecision(wantedPrecision)),
      best: rounded(curve.best),
      ...bounds,
    }),
  )
}

function rounded({ score, precision, recall, f1 }: Point): Record<string, number> {
  const four = (value: number): number => Number(value.toFixed(4))
  return { score: Number(score.toFixed(3)), precision: four(precision), recall: four(recall), f1: four(f1) }
}

function share(value: number): string {
  return value.toFixed(4)
}

function row(...cells: (string | number)[]): string {
  return cells
    .map((cell, place) => (place === 0 ? String(cell).padEnd(26) : String(cell).padStart(11)))
    .join('')
}

function pointCells({ precision, recall, f1, found, correct }: Point): (string | number)[] {
  return [share(precision), share(recall), share(f1), found, found - correct]
}

function printCurve(curve: Curve, model: Model): void {
  console.log(`${curve.expected} decidable vendor users have a counterpart\n`)
  console.log(row('threshold in bits', 'precision', 'recall', 'F1', 'matches', 'wrong'))
  const grid = Array.from({ length: 23 }, (_, step) => (step - 6) * 500)
  for (const score of [...new Set([...grid, model.threshold])].sort((x, y) => x - y)) {
    const mark = score === model.threshold ? ' shipped' : ''
    console.log(row(`${(score / 1000).toFixed(1)}${mark}`, ...pointCells(curve.at(score))))
  }
  const exact = curve.atPrecision(wantedPrecision)
  console.log(row(`precision ${wantedPrecision}: ${(exact.score / 1000).toFixed(2)}`, ...pointCells(exact)))
  console.log(row(`best F1: ${(curve.best.score / 1000).toFixed(2)}`, ...pointCells(curve.best)))
}

/** What became of the decidable vendor users with a counterpart, by what happened to them. */
function printNoise({ internal, vendor }: People, matched: Matched, model: Model): void {
  const right = new Uint8Array(vendor.length)
  for (const { vendor: place, internal: index, score } of matched.assigned) {
    const record = vendor[place]
    if (record && score >= model.threshold && isCorrect(internal, record, index)) right[place] = 1
  }
  console.log(`\n${row('what happened', 'users', 'matched', 'no key', 'too low', 'rival')}`)
  const kinds = ['none', ...noiseKinds, 'only moved', 'only other-surname', 'only missing-field'] as const
  for (const kind of kinds) {
    const counts = { users: 0, matched: 0, noKey: 0, low: 0, rival: 0 }
    vendor.forEach(({ decidable, original, noise }, place) => {
      if (!decidable || original === null || !isOf(kind, noise)) return
      counts.users++
      if (right[place] === 1) counts.matched++
      else if (matched.truthFound[place] === 0) counts.noKey++
      else if ((matched.truthScore[place] ?? 0) < model.threshold) counts.low++
      else counts.rival++
    })
    const { users, ...rest } = counts
    console.log(row(kind, users, ...Object.values(rest).map((count) => share(count / Math.max(1, users)))))
  }
}

function isOf(kind: string, noise: readonly string[]): boolean {
  if (kind === 'none') return noise.length === 0
  if (kind.startsWith('only ')) return noise.length === 1 && noise[0] === kind.slice(5)
  return noise.includes(kind)
}

const patternsShown = 40

/** Matches by the levels of their fields, and how many of them are wrong, down to the floor. */
function printPatterns({ internal, vendor }: People, matched: Matched, model: Model): void {
  const patterns = new Map<string, { above: number; wrongAbove: number; below: number; rightBelow: number }>()
  for (const { vendor: place, internal: index, score } of matched.assigned) {
    const [record, right] = [vendor[place], matched.vendor[place]]
    if (!record || !right || !(record.decidable || internal.decidable[index] === 1)) continue
    const left = model.prepare(internalFields(internal, index))
    const pattern = model
      .explain(left, right)
      .filter(({ field }) => field !== null)
      .map(({ level }) => level)
      .join(' ')
    const counts = patterns.get(pattern) ?? { above: 0, wrongAbove: 0, below: 0, rightBelow: 0 }
    patterns.set(pattern, counts)
    const correct = isCorrect(internal, record, index)
    if (score >= model.threshold) {
      counts.above++
      if (!correct) counts.wrongAbove++
    } else {
      counts.below++
      if (correct) counts.rightBelow++
    }
  }
  console.log(
    `\n${' '.repeat(26)}${row('levels of the fields'.padEnd(26), 'matched', 'wrong', 'below', 'right')}`,
  )
  const sorted = [...patterns].sort(
    ([, a], [, b]) => b.wrongAbove + b.rightBelow - (a.wrongAbove + a.rightBelow),
  )
  for (const [pattern, { above, wrongAbove, below, rightBelow }] of sorted.slice(0, patternsShown)) {
    console.log(
      `${pattern.padEnd(52)}${[above, wrongAbove, below, rightBelow].map((n) => String(n).padStart(11)).join('')}`,
    )
  }
}

/** The best that could be reached, by what a matcher may know. */
function printBounds(people: People): Record<string, unknown> {
  console.log(`\n${row('bound', 'precision', 'recall', 'F1', 'matches', 'wrong')}`)
  const posterior = posteriorOf(people.internal, people.vendor, { dates: false })
  const joint = oneToOne(posterior)
  printCalibration(posterior, joint, people)
  const bounds: [name: string, edges: Posterior, score: Float64Array][] = [
    ['pair alone', posterior, posterior.evidence],
    ['all rivals', posterior, posterior.chance],
    ['all rivals, one-to-one', posterior, joint],
  ]
  const dated = posteriorOf(people.internal, people.vendor, { dates: true })
  bounds.push(['the same with days', dated, oneToOne(dated)])
  const told = posteriorOf(people.internal, people.vendor, { dates: false, decidableOnly: true })
  bounds.push(['told who is decidable', told, oneToOne(told)])
  const result: Record<string, unknown> = {}
  for (const [name, edges, scores] of bounds) {
    const curve = curveOf(assign(edgesOf(edges, scores), people.internal, people.vendor), people)
    const exact = curve.atPrecision(wantedPrecision)
    console.log(row(`${name}, .995`, ...pointCells(exact)))
    console.log(row(`${name}, best`, ...pointCells(curve.best)))
    result[name] = { atPrecision995: rounded(exact), best: rounded(curve.best) }
  }
  return { bounds: result }
}

function edgesOf({ starts, internal }: Posterior, scores: Float64Array): Assigned[] {
  const edges: Assigned[] = []
  for (let place = 0; place + 1 < starts.length; place++) {
    for (let edge = starts[place] ?? 0; edge < (starts[place + 1] ?? 0); edge++) {
      edges.push({ vendor: place, internal: internal[edge] ?? 0, score: scores[edge] ?? 0 })
    }
  }
  return edges
}

/** Whether candidates said to be right with chance p are right that often: only then is the bound one. */
function printCalibration(posterior: Posterior, joint: Float64Array, { internal, vendor }: People): void {
  const bins = Array.from({ length: 10 }, () => ({ edges: 0, said: 0, right: 0 }))
  for (const { vendor: place, internal: index, score } of edgesOf(posterior, joint)) {
    const record = vendor[place]
    const bin = bins[Math.min(9, Math.floor(score * 10))]
    if (!bin || record?.decidable !== true) continue
    bin.edges++
    bin.said += score
    if (isCorrect(internal, record, index)) bin.right++
  }
  console.log(row('chance of candidates', 'candidates', 'said', 'right'))
  for (const { edges, said, right } of bins) {
    console.log(row('', edges, share(said / Math.max(1, edges)), share(right / Math.max(1, edges))))
  }
}

const { values: options } = parseArgs({
  options: {
    size: { type: 'string', default: '1000000x151677' },
    seed: { type: 'string', default: '1' },
    clean: { type: 'boolean', default: false },
    'no-oracle': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
const size = /^(\d+)x(\d+)$/.exec(options.size)

if (options.help || size === null) {
  console.error(usage)
  process.exitCode = options.help ? 0 : 64
} else {
  run({
    internal: Number(size[1]),
    vendor: Number(size[2]),
    seed: Number(options.seed),
    dirty: !options.clean,
  })
}
