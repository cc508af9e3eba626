/** Fixed seeds, and more of them by `SYNCLINE_SOAK=200` for a soak: so many, from 1 on. */
export function soakSeeds(fixed: readonly number[]): readonly number[] {
  const count = Number(process.env['SYNCLINE_SOAK'] ?? 0)
  return count > 0 ? Array.from({ length: count }, (_, index) => index + 1) : fixed
}
