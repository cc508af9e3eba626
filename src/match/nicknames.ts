import table from './data/nicknames.json' with { type: 'json' }
import { censusGivenNames } from './frequencies.ts'

/** Given name → its nicknames, and the reverse. */
const nicknamesOf = new Map<string, ReadonlySet<string>>()
const formalNamesOf = new Map<string, string[]>()

for (const [formal, listed] of Object.entries(table)) {
  const nicknames = listed.split(' ')
  nicknamesOf.set(formal, new Set(nicknames))
  for (const nickname of nicknames) {
    const formals = formalNamesOf.get(nickname)
    if (formals === undefined) formalNamesOf.set(nickname, [formal])
    else formals.push(formal)
  }
}

/**
 * Whether one of two normalised names is listed as the other's nickname. Pairs only: the list holds odd ones
 * such as aaron and erin, and closing it transitively would join most names.
 */
export function areNicknames(a: string, b: string): boolean {
  return nicknamesOf.get(a)?.has(b) === true || nicknamesOf.get(b)?.has(a) === true
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
