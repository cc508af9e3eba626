import { jaroWinkler } from './jaro-winkler.ts'
import { countMissing } from './letter-set.ts'
import type { Level } from './levels.ts'
import type { FieldKind } from './normalize.ts'
import type { NamePart, PreparedValue } from './prepare.ts'

/** The level of two present values of one field. Symmetric: `compare(a, b) === compare(b, a)`. */
export type Compare = (a: PreparedValue, b: PreparedValue) => Level

/** What a common prefix of four letters adds, as a share of the distance to 1. */
const longestBoost = 0.4
/** The bound and the similarity are rounded differently. */
const roundingSlack = 1e-9

/** `similarity`: the Jaro-Winkler similarity from which values of kinds that have the level are `similar`. */
export function comparisonOf(kind: FieldKind, similarity: number): Compare {
  switch (kind) {
    case 'given-name':
      return (a, b) => compareGivenNames(a, b, similarity)
    case 'surname':
      return (a, b) => compareSurnames(a, b, similarity)
    case 'place':
      return comparePlaces
    case 'category':
      return compareCategories
    case 'date':
      return compareDates
    case 'text':
      return (a, b) => compareTexts(a, b, similarity)
  }
}

function isSame(a: PreparedValue, b: PreparedValue): boolean {
  return a === b || (a.hash === b.hash && a.core === b.core)
}

function compareGivenNames(a: PreparedValue, b: PreparedValue, similarity: number): Level {
  if (isSame(a, b)) return 'exact'
  if (a.nicknames?.has(b.core) === true) return 'nickname'
  if (a.core.length === 1 || b.core.length === 1) return a.core[0] === b.core[0] ? 'initial' : 'different'
  return compareSpelling(a, b, similarity)
}

function compareSurnames(a: PreparedValue, b: PreparedValue, similarity: number): Level {
  if (isSame(a, b)) return 'exact'
  return compareSpelling(a, b, similarity)
}

function compareSpelling(a: PreparedValue, b: PreparedValue, similarity: number): Level {
  if (sharedPart(a, b) !== null) return 'part'
  if (isClose(a, b)) return 'close'
  if (a.sound !== '' && a.sound === b.sound) return 'sound'
  return isSimilar(a, b, similarity) ? 'similar' : 'different'
}

/**
 * `isOneTypo`, at once false for values with more than one letter that the other lacks. A single letter or digit is a
 * code: another one is no slip of the pen but another code.
 */
function isClose(a: PreparedValue, b: PreparedValue): boolean {
  if (a.core.length === 1 && b.core.length === 1) return false
  if (countMissing(a.letters, b.letters) > 1 || countMissing(b.letters, a.letters) > 1) return false
  return isOneTypo(a.core, b.core)
}

/** Jaro-Winkler of at least `similarity`; computed only when the letters in common allow it. */
function isSimilar(a: PreparedValue, b: PreparedValue, similarity: number): boolean {
  const common = Math.min(
    a.core.length - countMissing(a.letters, b.letters),
    b.core.length - countMissing(b.letters, a.letters),
  )
  const atMost = (common / a.core.length + common / b.core.length + 1) / 3
  if (atMost + longestBoost * (1 - atMost) + roundingSlack < similarity) return false
  return jaroWinkler(a.core, b.core) >= similarity
}

function comparePlaces(a: PreparedValue, b: PreparedValue): Level {
  if (isSame(a, b)) return 'exact'
  return isClose(a, b) ? 'close' : 'different'
}

const stemLength = 5

function compareCategories(a: PreparedValue, b: PreparedValue): Level {
  if (a === b) return 'exact'
  if (isSame(a, b)) return isSameSpelling(a.text, b.text) ? 'exact' : 'synonym'
  const sameStem = a.core.length >= stemLength && b.core.startsWith(a.core.slice(0, stemLength))
  return sameStem || isClose(a, b) ? 'close' : 'different'
}

function isSameSpelling(a: string, b: string): boolean {
  return a === b || a.replaceAll(' ', '') === b.replaceAll(' ', '')
}

/** Over `yyyymmdd`, as dates are normalised. */
function compareDates(a: PreparedValue, b: PreparedValue): Level {
  if (isSame(a, b)) return 'exact'
  if (a.core.length !== 8 || b.core.length !== 8) return 'different'
  const sameYear = a.core.startsWith(b.core.slice(0, 4))
  if (sameYear && a.core.slice(4, 6) === b.core.slice(6) && a.core.slice(6) === b.core.slice(4, 6))
    return 'transposed'
  if (isClose(a, b)) return 'close'
  return sameYear ? 'year' : 'different'
}

function compareTexts(a: PreparedValue, b: PreparedValue, similarity: number): Level {
  if (isSame(a, b)) return 'exact'
  if (isClose(a, b)) return 'close'
  return isSimilar(a, b, similarity) ? 'similar' : 'different'
}

/**
 * At most one letter inserted, deleted, changed, or exchanged with its neighbour (Damerau 1964): without their
 * common beginning and end, the texts are then a letter or none, or two exchanged letters. In UTF-16 units.
 */
export function isOneTypo(a: string, b: string): boolean {
  const difference = a.length - b.length
  if (difference > 1 || difference < -1) return false
  let start = 0
  while (start < a.length && start < b.length && a.charCodeAt(start) === b.charCodeAt(start)) start++
  let endA = a.length
  let endB = b.length
  while (endA > start && endB > start && a.charCodeAt(endA - 1) === b.charCodeAt(endB - 1)) {
    endA--
    endB--
  }
  if (endA - start <= 1 && endB - start <= 1) return true
  return (
    endA - start === 2 &&
    endB - start === 2 &&
    a.charCodeAt(start) === b.charCodeAt(start + 1) &&
    a.charCodeAt(start + 1) === b.charCodeAt(start)
  )
}

/** The rarest part of a name that the other shares, one of them being of several parts; null when there is none. */
export function sharedPart(a: PreparedValue, b: PreparedValue): NamePart | null {
  if (a.parts.length === 0 && b.parts.length === 0) return null
  return rarestShared(b, a, rarestShared(a, b, null))
}

function rarestShared(of: PreparedValue, other: PreparedValue, best: NamePart | null): NamePart | null {
  let rarest = best
  for (const part of of.parts) {
    const isShared = other.core === part.text || other.parts.some(({ text }) => text === part.text)
    if (isShared && (rarest === null || part.rarity > rarest.rarity)) rarest = part
  }
  return rarest
}
