import { z } from 'zod'
import { transforms } from './key-parts.ts'
import { defaultSimilarity, defaultSwapped } from './levels.ts'
import { fieldKinds } from './normalize.ts'

const fieldName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be the name of a field: letters, digits and _')

const share = z.number().gt(0).max(1)

const levelSetting = z
  .strictObject({
    weight: z
      .number()
      .min(-100)
      .max(100)
      .optional()
      .describe('The weight in bits, outright; instead of m and u.'),
    m: share.optional().describe('Chance of this level when both records are the same person.'),
    u: share.optional().describe('Chance of this level when they are two people.'),
    uTimesShare: z
      .number()
      .gt(0)
      .max(1e6)
      .optional()
      .describe(
        'Instead of u: that many times the share of the value in the population (the rarer of both values if they ' +
          'differ), so that agreement on a rare name weighs more. Needs a frequency table: given names and surnames.',
      ),
  })
  .refine((level) => level.weight === undefined || (level.m ?? level.u ?? level.uTimesShare) === undefined, {
    error: 'takes either weight or m and u, not both',
  })
  .refine((level) => level.u === undefined || level.uTimesShare === undefined, {
    error: 'takes either u or uTimesShare, not both',
  })
  .describe('What a level of agreement weighs. What is left out keeps its default.')

const exact = levelSetting.optional().describe('Both values are the same once normalised.')
const close = levelSetting
  .optional()
  .describe('One letter more, less, changed or exchanged with its neighbour.')
const part = levelSetting.optional().describe('One is a name of several words and they share one.')
const sound = levelSetting.optional().describe('Spelled differently, sounding alike (Double Metaphone).')
const similar = levelSetting.optional().describe('Jaro-Winkler similarity of at least `similarity`.')
const different = levelSetting.optional().describe('None of the other levels.')

const similarity = z
  .number()
  .min(0.5)
  .max(1)
  .default(defaultSimilarity)
  .describe('Jaro-Winkler similarity from which two values are `similar`.')

const nickname = levelSetting.optional().describe('One is listed as a nickname of the other.')
const initial = levelSetting.optional().describe('One is only the first letter of the other.')
const synonym = levelSetting.optional().describe('Two names of the same thing, by `synonyms`.')
const transposed = levelSetting.optional().describe('Month and day exchanged.')
const year = levelSetting.optional().describe('The same year only.')

const synonyms = z
  .record(z.string().min(1), z.array(z.string().min(1)))
  .optional()
  .describe('Value → other ways to say it. Without it the shipped table of medical specialties applies.')

const comparisons = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('given-name'),
    levels: z.strictObject({ exact, nickname, initial, close, part, sound, similar, different }).default({}),
    similarity,
  }),
  z.strictObject({
    kind: z.literal('surname'),
    levels: z.strictObject({ exact, close, part, sound, similar, different }).default({}),
    similarity,
  }),
  z.strictObject({
    kind: z.literal('place'),
    levels: z.strictObject({ exact, close, different }).default({}),
  }),
  z.strictObject({
    kind: z.literal('category'),
    synonyms,
    levels: z.strictObject({ exact, synonym, close, different }).default({}),
  }),
  z.strictObject({
    kind: z.literal('date'),
    levels: z.strictObject({ exact, transposed, close, year, different }).default({}),
  }),
  z.strictObject({
    kind: z.literal('text'),
    levels: z.strictObject({ exact, close, similar, different }).default({}),
    similarity,
  }),
])

const comparison = z
  .preprocess((value) => (typeof value === 'string' ? { kind: value } : value), comparisons)
  .meta({ shorthand: { type: 'string', enum: [...fieldKinds] } })
  .describe('How a field is normalised and compared: a kind, or a kind with its settings.')

const partText = z
  .string()
  .regex(
    new RegExp(`^[A-Za-z_][A-Za-z0-9_]*(\\.(${transforms.join('|')}))?$`),
    `must be a field, or a field and one of .${transforms.join(', .')}`,
  )
  .describe('A field (`last_name`) or something taken from it (`last_name.sound`).')

const pass = z
  .preprocess(
    (value) => (Array.isArray(value) ? { key: value as unknown[] } : value),
    z.strictObject({
      key: z.array(partText).min(1).max(6).describe('Records that agree on all of these are compared.'),
      unordered: z
        .boolean()
        .default(false)
        .describe('Whether the first two parts may be exchanged, as given name and surname sometimes are.'),
      common: z
        .strictObject({
          below: z
            .number()
            .min(0)
            .max(100)
            .describe('In bits: a key that more than one in 2^below people share is too common by itself.'),
          longer: z
            .array(z.array(partText).min(1).max(4))
            .max(4)
            .describe(
              'What is added to such a key; one longer key for each of these, none for an empty list.',
            ),
        })
        .optional()
        .describe('Keys that are too common take longer forms, so that blocks do not grow with the data.'),
    }),
  )
  .meta({ shorthand: { type: 'array', items: { type: 'string' }, minItems: 1 } })
  .describe('One blocking pass: a list of parts, or an object with its settings.')

const swapped = z
  .union([
    z.literal(false),
    z.strictObject({
      fields: z
        .tuple([fieldName, fieldName])
        .describe('The two fields whose values may stand in each other.'),
      m: share.default(defaultSwapped.m).describe('How often they do among true pairs.'),
      uTimesShare: z
        .number()
        .gt(0)
        .default(defaultSwapped.uTimesShare)
        .describe('Chance of it among other pairs as a multiple of both shares multiplied.'),
    }),
  ])
  .optional()
  .describe(
    'Exchanged names. By default the given name and the surname when there is one of each; false: never.',
  )

/**
 * The passes of the shipped model `people`, chosen by measured recall per candidate pair on noisy people, a
 * million by 150,000: together they find .989 of the decidable true pairs at 23 candidates for each of the smaller side.
 */
export const defaultBlock = [
  {
    key: ['last_name.nickname', 'first_name.nickname'],
    unordered: true,
    common: { below: 20, longer: [['location']] },
  },
  ['last_name.prefix', 'location', 'specialty'],
  ['first_name.nickname', 'location', 'specialty'],
  ['last_name.prefix', 'first_name.nickname', 'specialty'],
  ['last_name.sound', 'first_name.initial', 'location'],
  ['last_name.prefix', 'first_name.prefix', 'specialty'],
  { key: ['last_name.part', 'specialty'], common: { below: 17, longer: [] } },
]

export const defaultCompare = {
  first_name: 'given-name',
  last_name: 'surname',
  location: 'place',
  specialty: 'category',
}

/** The model part of a match configuration, `matches.<name>`: blocking, comparing, thresholds. */
export const modelShape = {
  block: z
    .array(pass)
    .min(1)
    .max(30)
    .prefault(() => structuredClone(defaultBlock))
    .describe('Blocking passes: two records are compared when they share the key of at least one.'),
  compare: z
    .record(fieldName, comparison)
    .refine((fields) => Object.keys(fields).length > 0, { error: 'needs at least one field' })
    .prefault(() => structuredClone(defaultCompare))
    .describe(
      'Field → how it is compared. The fields are those of the match. What is set here takes the place of the whole shipped map; the shipped `block` needs all of its four fields.',
    ),
  swapped,
  prior: z
    .number()
    .gt(1)
    .max(1e12)
    .default(1_000_000)
    .describe(
      'One in how many pairs of any left and any right record is a match: about the size of the larger side.',
    ),
  // The lowest that kept a precision of .995 among a million noisy people on every seed tried (1.5 fell to .9948), and
  // just low enough for the most common names there: James Smith, agreeing in all four fields, scores 1.745.
  threshold: z
    .number()
    .min(-100)
    .max(200)
    .default(1.7)
    .describe(
      'In bits: pairs at or above it may be matched. A score of w bits is a chance of 2^w to 1, prior included.',
    ),
  review: z
    .number()
    .min(-100)
    .max(200)
    .default(-3)
    .describe('In bits: pairs below it are not kept; those between it and the threshold can be reviewed.'),
}

export const modelDefinition = z.strictObject(modelShape).refine((model) => model.review <= model.threshold, {
  error: 'must not be above threshold',
  path: ['review'],
})

/** With every default filled in. */
export type ModelDefinition = z.output<typeof modelDefinition>
/** As it stands in a configuration. */
export type ModelDefinitionInput = z.input<typeof modelDefinition>
export type Comparison = z.output<typeof comparisons>

/** The shipped default model, for the fields first_name, last_name, location and specialty. */
export const peopleModel: ModelDefinition = modelDefinition.parse({})

/**
 * For `override` of `z.toJSONSchema`: where a short form is taken (a kind instead of an object, a list instead of a
 * pass), the JSON schema allows both. Without it editors would mark short forms as errors.
 */
export function allowShortForms({ jsonSchema }: { readonly jsonSchema: Record<string, unknown> }): void {
  const { shorthand, description, ...full } = jsonSchema
  if (shorthand === undefined) return
  for (const name of Object.keys(jsonSchema)) Reflect.deleteProperty(jsonSchema, name)
  Object.assign(jsonSchema, { description, anyOf: [shorthand, full] })
}
