import type { Session } from '../../src/state/session.ts'

/** The server ends the session before its nth statement: what a crash of either side looks like to the other. */
export function killAt(session: Session, n: number, admin: Session): void {
  let count = 0
  let killed: Promise<unknown> | undefined
  const killing =
    <A extends unknown[], R>(send: (...statement: A) => Promise<R>) =>
    async (...statement: A): Promise<R> => {
      if (++count === n) killed = admin.query('select pg_terminate_backend($1, 5000)', [session.backendPid])
      // Those behind it, too: nothing overtakes on a connection.
      if (killed) await killed
      return send(...statement)
    }
  session.query = killing(session.query.bind(session))
  session.execute = killing(session.execute.bind(session))
  session.copy = killing(session.copy.bind(session))
}
