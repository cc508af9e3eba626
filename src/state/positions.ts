import type { Session } from './session.ts'

export async function readPosition(session: Session, source: string): Promise<string | null> {
  const rows = await session.query('select position from syncline.source where source = $1', [source])
  return rows[0]?.[0] ?? null
}

/** Moves the position from `before` to `after`. Returns false, writing nothing, when it does not stand at `before`. */
export async function compareAndSetPosition(
  session: Session,
  move: { source: string; before: string | null; after: string; committedAt: number | null },
): Promise<boolean> {
  const { source, before, after, committedAt } = move
  const values = [source, after, committedAt]
  const count =
    before === null
      ? await session.execute(
          `insert into syncline.source (source, position, committed_at)
           values ($1, $2, to_timestamp($3::double precision / 1000)) on conflict do nothing`,
          values,
        )
      : await session.execute(
          `update syncline.source
              set position = $2, updated_at = now(),
                  committed_at = coalesce(to_timestamp($3::double precision / 1000), committed_at)
            where source = $1 and position = $4`,
          [...values, before],
        )
  return count === 1
}
