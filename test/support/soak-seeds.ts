import { appendFileSync } from 'node:fs'

/** Fixed seeds; `npm run soak -- 200` takes so many, from 1 on, `npm run soak -- 201-400` the next ones. */
export function soakSeeds(fixed: readonly number[]): readonly number[] {
  const wanted = /^(?:(\d+)-)?(\d+)$/.exec(process.env['SOAK_SEEDS'] ?? '')
  if (wanted === null) return fixed
  const [first, last] = [Number(wanted[1] ?? 1), Number(wanted[2])]
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}

/** What was done over all seeds, for `npm run soak` to add up. */
export function noteSoakFigures(title: string, counts: Readonly<Record<string, number>>): void {
  const file = process.env['SOAK_FIGURES']
  if (file !== undefined) appendFileSync(file, `${JSON.stringify({ title, counts })}\n`)
}
