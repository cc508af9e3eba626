import { capitalised, givenNames, surnames } from './names.ts'
import { purposes, type Random } from './random.ts'
import { noiseKinds, type NoiseKind } from './records.ts'
import { accented, nicknames, specialties, specialtySynonyms, suffixes, towns } from './tables.ts'
import { misspell, type Draw } from './typo.ts'

/** The shares of vendor users to which each thing happens, independently of the others. */
export const noiseRates: Readonly<Record<Exclude<NoiseKind, 'missing-field'>, number>> = {
  harmless: 0.1,
  'first-name-typo': 0.03,
  'surname-typo': 0.03,
  nickname: 0.05,
  'other-surname': 0.02,
  'surname-form': 0.02,
  'swapped-names': 0.005,
  moved: 0.05,
  'specialty-synonym': 0.03,
}
/** The share of each single field. */
export const missingRate = 0.02
export const duplicateRate = 0.01
export const noCounterpartRate = 0.15

/** What a vendor user says about a person; the location with spaces still. */
export interface VendorFields {
  readonly firstname: string
  readonly lastname: string
  readonly practice_location: string
  readonly specialty: string
  readonly user_type_classification: string
  readonly last_active_date: string
}
export const vendorFieldNames = [
  'firstname',
  'lastname',
  'practice_location',
  'specialty',
  'user_type_classification',
  'last_active_date',
] as const

export interface Noisy {
  readonly fields: Readonly<Record<keyof VendorFields, string | null>>
  readonly kinds: readonly NoiseKind[]
}

/** Only some names have a nickname; those get one more often, so that the rate over all people is as stated. */
const nicknameRate = noiseRates.nickname / givenNames.share((name) => nicknames.has(name))

/** The record with its noise: a pure function of the seed, the record's number and its clean fields. */
export function addNoise(random: Random, record: number, clean: VendorFields): Noisy {
  const kinds: NoiseKind[] = []
  const fields = { ...clean }
  for (const kind of [
    'nickname',
    'other-surname',
    'first-name-typo',
    'surname-typo',
    'surname-form',
  ] as const) {
    if (happens({ random, record, kind, firstname: clean.firstname })) {
      kinds.push(kind)
      changes[kind](fields, drawFor(random, record, kind))
    }
  }
  for (const kind of ['swapped-names', 'moved', 'specialty-synonym', 'harmless'] as const) {
    if (happens({ random, record, kind, firstname: clean.firstname })) {
      kinds.push(kind)
      changes[kind](fields, drawFor(random, record, kind))
    }
  }
  const withGaps = removeSome(random, record, fields)
  if (vendorFieldNames.some((name) => withGaps[name] === null)) kinds.push('missing-field')
  return { fields: withGaps, kinds }
}

type Changeable = { -readonly [name in keyof VendorFields]: VendorFields[name] }

/** In the order in which life does it: what somebody is called, how it was typed, what became of the typed form. */
const changes: Record<keyof typeof noiseRates, (fields: Changeable, draw: Draw) => void> = {
  nickname: (fields, draw) => {
    fields.firstname = oneOf(nicknames.get(fields.firstname) ?? [fields.firstname], draw, 1)
  },
  'other-surname': (fields, draw) => {
    fields.lastname = otherSurname(fields.lastname, draw)
  },
  'first-name-typo': (fields, draw) => {
    fields.firstname = misspell(fields.firstname, draw)
  },
  'surname-typo': (fields, draw) => {
    fields.lastname = misspell(fields.lastname, draw)
  },
  'surname-form': (fields, draw) => {
    const other = otherSurname(fields.lastname, draw)
    const forms = [
      `${fields.lastname}-${other}`,
      `${other}-${fields.lastname}`,
      `${fields.lastname} ${other}`,
    ]
    const form = draw(forms.length + 1, 8)
    fields.lastname = forms[form] ?? fields.lastname + oneOf(suffixes, draw, 9)
  },
  'swapped-names': (fields) => {
    const { firstname, lastname } = fields
    fields.firstname = lastname
    fields.lastname = firstname
  },
  moved: (fields, draw) => {
    const others = towns.filter((town) => town !== fields.practice_location)
    fields.practice_location = oneOf(others, draw, 1)
  },
  'specialty-synonym': (fields, draw) => {
    const specialty = specialties.find((name) => name === fields.specialty)
    if (specialty) fields.specialty = oneOf(specialtySynonyms[specialty], draw, 1)
  },
  harmless: (fields, draw) => {
    const names = ['firstname', 'lastname', 'practice_location', 'specialty'] as const
    const sure = draw(names.length, 1)
    names.forEach((name, place) => {
      if (place !== sure && draw(3, 2 + place) > 0) return
      fields[name] = respell(fields[name], (bound, step) => draw(bound, 6 + place * 2 + step))
    })
  },
}

interface Decision {
  readonly random: Random
  readonly record: number
  readonly kind: keyof typeof noiseRates
  readonly firstname: string
}

function happens({ random, record, kind, firstname }: Decision): boolean {
  const unit = random.unit(purposes.vendorNoise, record, stepOf(kind, 0))
  if (kind === 'nickname') return unit < nicknameRate && nicknames.has(firstname)
  return unit < noiseRates[kind]
}

function drawFor(random: Random, record: number, kind: NoiseKind): Draw {
  return (bound, step) => random.below(bound, purposes.vendorNoise, record, stepOf(kind, 1 + step))
}

function stepOf(kind: NoiseKind, step: number): number {
  return noiseKinds.indexOf(kind) * 32 + step
}

function removeSome(random: Random, record: number, fields: VendorFields): Noisy['fields'] {
  const kept: Record<keyof VendorFields, string | null> = { ...fields }
  vendorFieldNames.forEach((name, place) => {
    const step = stepOf('missing-field', place)
    if (random.unit(purposes.vendorNoise, record, step) < missingRate) kept[name] = null
  })
  return kept
}

function oneOf(values: readonly string[], draw: Draw, step: number): string {
  return values[draw(values.length, step)] ?? ''
}

function otherSurname(surname: string, draw: Draw): string {
  for (let step = 4; ; step++) {
    const other = surnames.names[surnames.pick(draw(2 ** 32, step) / 2 ** 32)] ?? ''
    if (other !== surname) return other
  }
}

/** The same value in another case, with accents or with surplus spaces: normalising undoes each of them. */
function respell(text: string, draw: Draw): string {
  const space = oneOf(['  ', ' ', '-'], draw, 1)
  switch (draw(5, 0)) {
    case 0:
      return text === text.toUpperCase() ? text.toLowerCase() : text.toUpperCase()
    case 1:
      return text === text.toLowerCase() ? words(text, capitalised) : text.toLowerCase()
    case 2:
      return ` ${text.replaceAll(' ', space)}`
    case 3:
      return `${text.replaceAll(' ', space)} `
    default:
      return accent(text, space === '-')
  }
}

function words(text: string, change: (word: string) => string): string {
  return text.split(' ').map(change).join(' ')
}

/** With a mark on every letter that takes one, as one character or as a letter and a combining mark. */
function accent(text: string, decomposed: boolean): string {
  const marked = text.replace(/[aeiounyc]/g, (letter) => accented[letter] ?? letter)
  if (marked === text) return `${text}  `
  return marked.normalize(decomposed ? 'NFD' : 'NFC')
}
