/**
 * How often a property is tried: few times with a fixed seed, so that a run is quick and the same for everybody;
 * PROPERTY_RUNS multiplies the times and draws a new seed, which a failure prints.
 */
export function tries(numRuns: number): { numRuns: number; seed?: number } {
  const factor = Number(process.env['PROPERTY_RUNS'] ?? '1')
  return factor === 1 ? { numRuns, seed: 20170202 } : { numRuns: Math.ceil(numRuns * factor) }
}
