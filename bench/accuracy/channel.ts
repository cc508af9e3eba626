import { givenNames, surnames } from '../../examples/vendor-match/names.ts'
import { noiseRates } from '../../examples/vendor-match/noise.ts'
import { nicknames } from '../../examples/vendor-match/tables.ts'
import { normalize } from '../../src/match/normalize.ts'

/** A name that may stand behind an observed text, and the chance that it is then written so. */
export interface Origin {
  readonly name: number
  readonly chance: number
}

/** What the noise of the example makes of names, as exact probabilities. */
export interface NameChannel {
  /** Names that may have been written as this text, but for those that any name may be replaced by. */
  origins(text: string): readonly Origin[]
  /** The chance of the text whatever the name was: the person goes by another surname. */
  background(text: string): number
  /** The chance of the text for somebody of whom nothing is known. */
  chance(text: string): number
}

const { 'first-name-typo': firstTypo, 'surname-typo': surnameTypo } = noiseRates
const { 'other-surname': otherRate, 'surname-form': formRate } = noiseRates
const none: readonly Origin[] = []
const letters = 'abcdefghijklmnopqrstuvwxyz'

/** Letters and single spaces: what normalising leaves of a name, so that harmless changes are undone. */
export function plainName(raw: string): string {
  return normalize('surname', raw) ?? ''
}

/** Only the texts given are looked up later, so only what can become one of them is kept. */
export function givenNameChannel(observed: ReadonlySet<string>): NameChannel {
  const nicknameRate = noiseRates.nickname / givenNames.share((name) => nicknames.has(name))
  const table = new OriginTable(observed)
  const shares = givenNames.shares
  givenNames.names.forEach((formal, name) => {
    const short = nicknames.get(formal) ?? []
    const called = new Map([[plainName(formal), short.length > 0 ? 1 - nicknameRate : 1]])
    for (const nickname of short) called.set(plainName(nickname), nicknameRate / short.length)
    for (const [base, chance] of called) table.addTyped({ base, name, chance, typo: firstTypo })
  })
  return {
    origins: (text) => table.of(text),
    background: () => 0,
    chance: (text) => table.of(text).reduce((sum, { name, chance }) => sum + (shares[name] ?? 0) * chance, 0),
  }
}

export function surnameChannel(observed: ReadonlySet<string>): NameChannel {
  const words = new Set([...observed].flatMap((text) => [text, ...text.split(' ')]))
  const table = new OriginTable(words)
  const shares = surnames.shares
  const shareOfText = new Map<string, number>()
  surnames.names.forEach((surname, name) => {
    const base = plainName(surname)
    shareOfText.set(base, (shareOfText.get(base) ?? 0) + (shares[name] ?? 0))
    table.addTyped({ base, name, chance: 1, typo: surnameTypo })
  })
  const anyName = (word: string): number =>
    table.of(word).reduce((sum, { name, chance }) => sum + (shares[name] ?? 0) * chance, 0)
  const forms = (text: string): { word: string; weight: number }[] => {
    const [a = '', b, more] = text.split(' ')
    // A suffix is undone by normalising; a second name is the other half of three forms of four.
    if (b === undefined) return [{ word: a, weight: 1 - formRate + formRate / 4 }]
    if (more !== undefined) return []
    return [
      { word: a, weight: (formRate / 2) * (shareOfText.get(b) ?? 0) },
      { word: b, weight: (formRate / 4) * (shareOfText.get(a) ?? 0) },
    ]
  }
  const background = (text: string): number =>
    forms(text).reduce((sum, { word, weight }) => sum + weight * otherRate * anyName(word), 0)
  return {
    background,
    origins: (text) =>
      forms(text).flatMap(({ word, weight }) =>
        table.of(word).map(({ name, chance }) => ({ name, chance: chance * weight * (1 - otherRate) })),
      ),
    chance: (text) =>
      background(text) +
      forms(text).reduce((sum, { word, weight }) => sum + weight * (1 - otherRate) * anyName(word), 0),
  }
}

/** Observed text → the names behind it. A name may be added in several ways; their chances add up. */
class OriginTable {
  readonly #origins = new Map<string, Map<number, number>>()
  readonly #observed: ReadonlySet<string>

  constructor(observed: ReadonlySet<string>) {
    this.#observed = observed
  }

  of(text: string): readonly Origin[] {
    const found = this.#origins.get(text)
    return found === undefined ? none : Array.from(found, ([name, chance]) => ({ name, chance }))
  }

  addTyped({ base, name, chance, typo }: Origin & { readonly base: string; readonly typo: number }): void {
    this.#add(base, name, chance * (1 - typo))
    const place = 1 / base.length
    for (let at = 0; at < base.length; at++) this.#addSlips({ base, name, chance: chance * typo * place }, at)
  }

  /** The slips of `misspell` at one letter, each as likely as it is there. */
  #addSlips({ base, name, chance }: Origin & { readonly base: string }, at: number): void {
    const [old, next] = [base.charAt(at), base.charAt(at + 1)]
    const [before, after] = [base.slice(0, at), base.slice(at + 1)]
    const exchanges = next !== '' && next !== old
    const others = letters.replace(old, '')
    const replaced = chance * (exchanges ? 1 / 4 : 1 / 2)
    const inserted = chance * (base.length > 1 ? 1 / 4 : 1 / 2)
    for (const other of others) {
      this.#add(before + other + after, name, replaced / others.length)
      this.#add(before + old + other + after, name, inserted / others.length)
    }
    if (base.length > 1) this.#add(before + after, name, chance / 4)
    if (exchanges) this.#add(before + next + old + base.slice(at + 2), name, chance / 4)
  }

  #add(text: string, name: number, chance: number): void {
    if (!this.#observed.has(text)) return
    const origins = this.#origins.get(text) ?? new Map<number, number>()
    this.#origins.set(text, origins)
    origins.set(name, (origins.get(name) ?? 0) + chance)
  }
}
