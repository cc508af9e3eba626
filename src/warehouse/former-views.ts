import { identifier, qualified } from '../state/identifiers.ts'
import { forgetMade, noteMadeViews, readOtherMadeViews, type MadeView } from '../state/made-relations.ts'
import type { Session } from '../state/session.ts'
import { sqlStateOf, type ViewFile } from './views.ts'

/** A view that is not in the configuration any more and still stands, and why. */
export interface KeptView {
  readonly view: string
  readonly reason: 'used' | 'changed'
}

/**
 * Notes the views of the files as made by us and drops those that we made earlier and that no file has any more.
 * One that others depend on, or that somebody has changed, stays: it is returned. Needs an open transaction, in which
 * the views of the files have been applied.
 */
export async function dropFormerViews(
  session: Session,
  schema: string,
  files: readonly ViewFile[],
): Promise<KeptView[]> {
  const configured = files.flatMap(({ views }) => views)
  await session.query(`set local search_path to ${identifier(schema)}`)
  await noteMadeViews(session, configured)
  const former = await readOtherMadeViews(session, configured)
  await session.query('set local search_path to default')
  const changed = former.filter((view) => view.changed)
  let left = former.filter((view) => !view.changed)
  // They may stand on each other: each round drops those on which nothing stands any more.
  for (let before = -1; left.length > 0 && left.length !== before;) {
    before = left.length
    const used: MadeView[] = []
    for (const view of left) if (!(await dropUnused(session, view))) used.push(view)
    left = used
  }
  const nameOf = ({ schema, name }: MadeView): string => qualified(schema, name)
  return [
    ...left.map((view): KeptView => ({ view: nameOf(view), reason: 'used' })),
    ...changed.map((view): KeptView => ({ view: nameOf(view), reason: 'changed' })),
  ]
}

async function dropUnused(session: Session, view: MadeView): Promise<boolean> {
  await session.query('savepoint dropping')
  try {
    await session.query(`drop view ${qualified(view.schema, view.name)}`)
  } catch (error) {
    if (sqlStateOf(error) !== '2BP01') throw error
    await session.query('rollback to savepoint dropping')
    return false
  }
  await forgetMade(session, view)
  return true
}
