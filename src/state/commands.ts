import type { Json } from '../changes/ledger.ts'
import type { Clock } from '../runtime/clock.ts'
import { BugError, OperatorError, type OperatorArea } from '../runtime/errors.ts'
import type { Session } from './session.ts'

/** The channel on which the leader is told of a command, and who asked of its end. */
export const commandChannel = 'syncline_command'

export interface Command {
  readonly id: string
  readonly kind: string
  readonly arguments: Readonly<Record<string, Json>>
  readonly requestedBy: string
}

/** Why a command failed, as it is stored. */
export interface CommandFailure {
  readonly area: OperatorArea
  readonly code: string
  readonly message: string
  readonly hint: string | null
}

export async function requestCommand(
  session: Session,
  { kind, arguments: values, requestedBy }: Omit<Command, 'id'>,
): Promise<string> {
  const [id] = await session.one(
    `with requested as (
       insert into syncline.command (kind, arguments, requested_by) values ($1, $2::jsonb, $3) returning id)
     select id, pg_notify('${commandChannel}', id::text) from requested`,
    [kind, JSON.stringify(values), requestedBy],
  )
  return id ?? ''
}

/** Takes the commands that nobody of this term has begun, oldest first. */
export async function takeCommands(session: Session, term: bigint): Promise<Command[]> {
  const rows = await session.query(
    `with taken as (
       update syncline.command set state = 'running', term = $1
        where finished_at is null and (state = 'waiting' or term < $1)
          and exists (select from syncline.lease where lease.term = $1)
       returning id, kind, arguments, requested_by, requested_at)
     select id, kind, arguments, requested_by from taken order by requested_at, id`,
    [term.toString()],
  )
  return rows.map(([id, kind, values, requestedBy]) => ({
    id: id ?? '',
    kind: kind ?? '',
    arguments: JSON.parse(values ?? '{}') as Command['arguments'],
    requestedBy: requestedBy ?? '',
  }))
}

export async function finishCommand(
  session: Session,
  { id, term, state, result }: { id: string; term: bigint; state: 'done' | 'failed'; result: Json },
): Promise<void> {
  await session.query(
    `with finished as (
       update syncline.command set state = $3, result = $4::jsonb, finished_at = clock_timestamp()
        where id = $1 and term = $2 and finished_at is null returning id)
     select pg_notify('${commandChannel}', id::text) from finished`,
    [id, term.toString(), state, JSON.stringify(result)],
  )
}

export async function purgeFinishedCommands(session: Session): Promise<void> {
  await session.query(`delete from syncline.command where finished_at < now() - interval '7 days'`)
}

/** Waits until a command is finished and returns its result; throws what it failed with. */
export async function commandResult(
  session: Session,
  id: string,
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): Promise<Json> {
  for (;;) {
    const [row] = await session.query('select state, result from syncline.command where id = $1', [id])
    if (!row) throw new BugError({ code: 'command-gone', message: `the command ${id} is gone` })
    const [state, text] = row
    const result = JSON.parse(text ?? 'null') as Json
    if (state === 'done') return result
    if (state === 'failed') throw failed(result)
    await clock.sleep(100, signal)
  }
}

function failed(result: Json): OperatorError {
  const { area, code, message, hint } = result as unknown as CommandFailure
  return new OperatorError({
    area,
    code,
    message,
    hint: hint ?? 'see the log of the process that tried it',
  })
}
