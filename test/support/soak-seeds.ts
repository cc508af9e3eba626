/** Fixed seeds; `npm run soak -- 200` takes so many, from 1 on, `npm run soak -- 201-400` the next ones. */
export function soakSeeds(fixed: readonly number[]): readonly number[] {
  const wanted = /^(?:(\d+)-)?(\d+)$/.exec(process.env['SOAK_SEEDS'] ?? '')
  if (wanted === null) return fixed
  const [first, last] = [Number(wanted[1] ?? 1), Number(wanted[2])]
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}

/** What was done over all seeds, for the note of a soak: printed when there is one. */
export function printSoakFigures(title: string, figures: Readonly<Record<string, number>>): void {
  if (process.env['SOAK_SEEDS'] === undefined) return
  const text = Object.entries(figures).map(([name, count]) => `${count} ${name}`)
  process.stderr.write(`soak: ${title}: ${text.join(', ')}\n`)
}
