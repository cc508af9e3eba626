import table from './data/nicknames.json' with { type: 'json' }
import { censusGivenNames } from './frequencies.ts'

const nicknamesOf = new Map<string, readonly string[]>()
const formalNamesOf = new Map<string, string[]>()
/** Name → every name it is listed with, in either direction. */
const partnersOf = new Map<string, Set<string>>()

for (const [formal, listed] of Object.entries(table)) {
  const nicknames = listed.split(' ')
  nicknamesOf.set(formal, nicknames)
  for (const nickname of nicknames) {
    entryOf(formalNamesOf, nickname, () => []).push(formal)
    entryOf(partnersOf, nickname, () => new Set<string>()).add(formal)
    entryOf(partnersOf, formal, () => new Set<string>()).add(nickname)
  }
}

function entryOf<V>(map: Map<string, V>, key: string, create: () => V): V {
  const value = map.get(key) ?? create()
  map.set(key, value)
  return value
}

/**
 * The names that a normalised name is listed with as nickname or formal name; null when there are none. Pairs
 * only: the list holds odd ones such as aaron and erin, and closing it transitively would join most names.
 */
export function nicknamePartners(name: string): ReadonlySet<string> | null {
  return partnersOf.get(name) ?? null
}

/** Of the share of a nickname; a rarer formal name is seldom what it stands for (john for ivan). */
const leastFormalShare = 1 / 4

/**
 * The names under which a name is blocked: those it may stand for, and itself when it is none's nickname or has
 * nicknames of its own. A name and its nickname nearly always have one in common; without the bound on shares
 * there were 2.5 of them for each person, with it 1.3.
 */
export function formalNames(name: string): readonly string[] {
  const listed = formalNamesOf.get(name)
  if (listed === undefined) return [name]
  const formals = listed.filter((formal) => shareOf(formal) >= leastFormalShare * shareOf(name))
  return formals.length === 0 || nicknamesOf.has(name) ? [name, ...formals] : formals
}

function shareOf(name: string): number {
  return censusGivenNames.shares.get(name) ?? censusGivenNames.unknownShare
}
