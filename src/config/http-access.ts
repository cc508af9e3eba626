import { z } from 'zod'
import { text, url } from './values.ts'

/** What a header holds. */
export const headerText = z.string().regex(/^[^\r\n\0]*$/, 'must be one line')

const secret = text.describe('Take it from `${VAR}`.')

const oauth = z
  .strictObject({
    tokenUrl: url({ schemes: ['http', 'https'] }).describe('Where tokens are given.'),
    clientId: text.describe('Who asks.'),
    clientSecret: secret,
    scope: text.optional().describe('What for, words separated by spaces.'),
  })
  .describe('OAuth 2.0 client credentials (RFC 6749, 4.4).')

export const authSettings = z
  .strictObject({
    bearer: headerText.min(1, 'must not be empty').optional().describe('A token; take it from `${VAR}`.'),
    basic: z
      .strictObject({ user: text.describe('The user.'), password: secret })
      .optional()
      .describe('HTTP basic authentication.'),
    oauth: oauth.optional(),
  })
  .refine((auth) => Object.keys(auth).length === 1, { error: 'needs one of bearer, basic and oauth' })
  .describe('How we prove who we are; a header of your own goes to `headers`.')

export type AuthConfig = NonNullable<ReturnType<typeof authConfig>>

/** That it is what the source takes is checked where both are wired. */
export function authConfig({ bearer, basic, oauth }: z.output<typeof authSettings>) {
  if (bearer !== undefined) return { kind: 'bearer', token: bearer } as const
  if (basic !== undefined) return { kind: 'basic', ...basic } as const
  return oauth === undefined ? null : ({ kind: 'oauth', ...oauth, scope: oauth.scope ?? null } as const)
}

export const proxySetting = url({ schemes: ['http', 'https'] }).describe(
  'A proxy for all requests of this source: `http://user:password@host:port`.',
)

export const redirectHostsSetting = z
  .array(text)
  .default([])
  .describe(
    'Other hosts, with their port if it is not the usual one, to which the API may redirect. Credentials do not go there.',
  )

export const driftSettings = z
  .strictObject({
    missing: z
      .enum(['null', 'reject'])
      .default('null')
      .describe(
        'What becomes of a column that a record lacks: null, or the record goes to the dead letters.',
      ),
    retyped: z
      .enum(['reject', 'null'])
      .default('reject')
      .describe(
        'What becomes of a value of another type: the record goes to the dead letters, or the value is null.',
      ),
    maxShare: z
      .number()
      .min(0)
      .max(1)
      .default(0.2)
      .describe(
        'Largest share of the records of a page whose shape may change at once; more stops the source.',
      ),
  })
  .prefault({})
  .describe('What happens when records change their shape. A new member is only noted.')
