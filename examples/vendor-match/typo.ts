const letters = 'abcdefghijklmnopqrstuvwxyz'

/** Uniform numbers in 0 … bound − 1 for one decision, told apart by `step`. */
export type Draw = (bound: number, step: number) => number

/**
 * One slip of the finger: a letter replaced, left out, added, or exchanged with its neighbour. Some letter differs
 * afterwards, whatever the case.
 */
export function misspell(text: string, draw: Draw): string {
  const places = [...text.matchAll(/[a-z]/gi)].map(({ index }) => index)
  if (places.length === 0) return text
  const at = places[draw(places.length, 1)] ?? 0
  const old = text.charAt(at)
  const other = anotherLetter(old, draw(letters.length - 1, 2))
  switch (draw(4, 0)) {
    case 0:
      return splice(text, at, { remove: 1, insert: likeCase(other, old) })
    case 1:
      // Leaving out the only letter would leave no name.
      if (places.length > 1) return splice(text, at, { remove: 1, insert: '' })
      return splice(text, at + 1, { remove: 0, insert: other })
    case 2:
      return splice(text, at + 1, { remove: 0, insert: other })
    default:
      return exchange(text, at) ?? splice(text, at, { remove: 1, insert: likeCase(other, old) })
  }
}

/** The two letters at and after `at` exchanged, the case staying in its place; null if nothing would change. */
function exchange(text: string, at: number): string | null {
  const [a, b] = [text.charAt(at), text.charAt(at + 1)]
  if (!/[a-z]/i.test(b) || a.toLowerCase() === b.toLowerCase()) return null
  return splice(text, at, { remove: 2, insert: likeCase(b, a) + likeCase(a, b) })
}

function splice(text: string, at: number, { remove, insert }: { remove: number; insert: string }): string {
  return text.slice(0, at) + insert + text.slice(at + remove)
}

function likeCase(letter: string, model: string): string {
  return model === model.toUpperCase() ? letter.toUpperCase() : letter.toLowerCase()
}

function anotherLetter(letter: string, index: number): string {
  const others = letters.replace(letter.toLowerCase(), '')
  return others.charAt(index)
}
