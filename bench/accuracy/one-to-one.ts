import type { Posterior } from './posterior.ts'

const rounds = 6

/**
 * P(i | v) when also nobody can be two vendor users: belief propagation over the candidates (Huang & Jebara 2009, as
 * for matchings: messages are odds). A user whom another vendor user resembles far more stops being a rival. Exact
 * on trees, and what is left of the candidates hardly has a cycle.
 */
export function oneToOne({ starts, internal, chance }: Posterior): Float64Array {
  const vendors = starts.length - 1
  const most = internal.reduce((a, b) => Math.max(a, b), 0)
  const free = new Float64Array(chance.length).fill(1)
  const wish = new Float64Array(chance.length)
  const wished = new Float64Array(most + 1)
  const nobody = new Float64Array(vendors)
  for (let place = 0; place < vendors; place++) {
    nobody[place] = Math.max(1e-12, 1 - sum(starts, place, (edge) => chance[edge] ?? 0))
  }
  const available = (edge: number): number => (chance[edge] ?? 0) * (free[edge] ?? 0)
  for (let round = 0; round < rounds; round++) {
    wished.fill(0)
    for (let place = 0; place < vendors; place++) {
      const all = (nobody[place] ?? 0) + sum(starts, place, available)
      each(starts, place, (edge) => {
        // The odds that v is i, but for what i's other suitors say.
        wish[edge] = (chance[edge] ?? 0) / Math.max(1e-12, all - available(edge))
        const at = internal[edge] ?? 0
        wished[at] = (wished[at] ?? 0) + (wish[edge] ?? 0)
      })
    }
    for (let edge = 0; edge < free.length; edge++) {
      const others = Math.max(0, (wished[internal[edge] ?? 0] ?? 0) - (wish[edge] ?? 0))
      free[edge] = 1 / (1 + others)
    }
  }
  const result = new Float64Array(chance.length)
  for (let place = 0; place < vendors; place++) {
    const all = (nobody[place] ?? 0) + sum(starts, place, available)
    each(starts, place, (edge) => (result[edge] = available(edge) / all))
  }
  return result
}

function each(starts: Int32Array, place: number, visit: (edge: number) => void): void {
  const end = starts[place + 1] ?? 0
  for (let edge = starts[place] ?? 0; edge < end; edge++) visit(edge)
}

function sum(starts: Int32Array, place: number, value: (edge: number) => number): number {
  let total = 0
  each(starts, place, (edge) => (total += value(edge)))
  return total
}
