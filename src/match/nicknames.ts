import table from './data/nicknames.json' with { type: 'json' }

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

/** The names that a name may stand for: itself when it has nicknames or is none, and those it is a nickname of. */
export function formalNames(name: string): readonly string[] {
  const formals = formalNamesOf.get(name)
  if (formals === undefined) return [name]
  return nicknamesOf.has(name) ? [name, ...formals] : formals
}
