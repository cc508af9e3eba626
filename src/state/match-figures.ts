import type { Session } from './session.ts'

/** Notes how many waves a commit took, if no other took as many. */
export function noteLongestPath(session: Session, model: number, waves: number): void {
  if (waves === 0) return
  session.background(
    session.query(
      `insert into syncline.match_figure as figure (model, longest_path, longest_path_at) values ($1, $2, now())
       on conflict (model) do update
         set longest_path = excluded.longest_path, longest_path_at = excluded.longest_path_at
       where figure.longest_path < excluded.longest_path`,
      [model, waves],
    ),
  )
}
