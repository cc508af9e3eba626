import type { Session } from './session.ts'

export async function readPausedSources(session: Session): Promise<Set<string>> {
  const rows = await session.query('select source from syncline.paused_source')
  return new Set(rows.map(([source]) => source ?? ''))
}

export async function pauseSource(session: Session, source: string, by: string): Promise<void> {
  await session.query(
    'insert into syncline.paused_source (source, paused_by) values ($1, $2) on conflict do nothing',
    [source, by],
  )
}

export async function resumeSource(session: Session, source: string): Promise<void> {
  await session.query('delete from syncline.paused_source where source = $1', [source])
}
