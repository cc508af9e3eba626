import { OperatorError } from '../runtime/errors.ts'

/** So few may always go as long as others stay: of three records one is a large share. */
const alwaysDeletable = 3

/**
 * The line of a source's ledger that the commit writes when it refuses the end of a resync. It stays until an end is
 * accepted or another resync begins: the source delivers `resync-end` again whenever it has read everything once more.
 */
export const refusedKey = (stream: string): string => `refused/${stream}`

export interface Disappearance {
  /** The source by its name. */
  readonly name: string
  /** Records that would be deleted, of all that are known. */
  readonly gone: number
  readonly known: number
  readonly maxShare: number
}

/** Why not to delete more than the share: so many records vanish by mistake, not by themselves. Null: they may go. */
export function massDisappearance({ name, gone, known, maxShare }: Disappearance): OperatorError | null {
  if (gone <= known * maxShare || (gone <= alwaysDeletable && gone < known)) return null
  const percent = Math.round((gone / known) * 1000) / 10
  return new OperatorError({
    code: 'mass-disappearance',
    area: 'data',
    message: `source ${name}: ${gone} of ${known} known records (${percent}%) are no longer in the API; nothing was deleted`,
    hint: `If they are really gone, set \`maxDeletedShare\` of the source above the present ${maxShare} for one run; else mend the API.`,
  })
}
