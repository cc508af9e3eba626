/** Fixed seeds; `npm run soak -- 200` takes so many, from 1 on. */
export function soakSeeds(fixed: readonly number[]): readonly number[] {
  const count = Number(process.env['SOAK_SEEDS'] ?? 0)
  return count > 0 ? Array.from({ length: count }, (_, index) => index + 1) : fixed
}

/** What was done over all seeds, for the note of a soak: printed when there is one. */
export function printSoakFigures(title: string, figures: Readonly<Record<string, number>>): void {
  if (process.env['SOAK_SEEDS'] === undefined) return
  const text = Object.entries(figures).map(([name, count]) => `${count} ${name}`)
  process.stderr.write(`soak: ${title}: ${text.join(', ')}\n`)
}
