import type { Session } from '../../src/state/session.ts'

/** The server ends the session before its nth statement: what a crash of either side looks like to the other. */
export function killAt(session: Session, n: number, admin: Session): void {
  let count = 0
  const killing =
    <A extends unknown[], R>(send: (...statement: A) => Promise<R>) =>
    async (...statement: A): Promise<R> => {
      if (++count === n) await admin.query('select pg_terminate_backend($1, 5000)', [session.backendPid])
      return send(...statement)
    }
  session.query = killing(session.query.bind(session))
  session.execute = killing(session.execute.bind(session))
  session.copy = killing(session.copy.bind(session))
}
