import { createHash } from 'node:crypto'
import type { Rejected } from '../changes/change-batch.ts'
import { recordId } from './record-id.ts'
import type { Session } from './session.ts'

/** Postgres text cannot hold U+0000; the raw record stays readable with it spelled out. */
const spellOutNul = (text: string): string => text.replaceAll('\u0000', '\\u0000').toWellFormed()

/** Postgres' indexes hold some 2,700 bytes; a longer key is known by its hash. */
const longestId = 800

function idOfLetter(id: string): string {
  return id.length > longestId ? hashOf(id) : spellOutNul(id)
}

const hashOf = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`

/** A record without a key is known by its raw form. */
function letterId(rejected: Rejected): string {
  if (rejected.key) return idOfLetter(recordId(rejected.key))
  return hashOf(rejected.raw)
}

/** Opens a dead letter for each record, or counts it again where one is open already. */
export async function openDeadLetters(
  session: Session,
  { source, position, rejected }: { source: string; position: string; rejected: readonly Rejected[] },
): Promise<void> {
  const last = new Map(rejected.map((letter) => [`${letter.stream}\u0000${letterId(letter)}`, letter]))
  const letters = [...last.values()]
  if (letters.length === 0) return
  await session.query(
    `insert into syncline.dead_letter (stream, id, source, key, code, reason, raw, position)
     select stream, id, $1, case when key is not null then array(select json_array_elements_text(key::json)) end,
            code, reason, raw, $2
       from unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
         as letter(stream, id, key, code, reason, raw)
     on conflict (stream, id) where closed_at is null do update
       set source = excluded.source, code = excluded.code, reason = excluded.reason, raw = excluded.raw,
           position = excluded.position, last_seen_at = now(), times = dead_letter.times + 1`,
    [
      source,
      position,
      letters.map(({ stream }) => stream),
      letters.map(letterId),
      letters.map(({ key }) => (key ? JSON.stringify(key.map(spellOutNul)) : null)),
      letters.map(({ code }) => code),
      letters.map(({ reason }) => spellOutNul(reason)),
      letters.map(({ raw }) => spellOutNul(raw)),
    ],
  )
}

/** A later change of the record has taken the place of its open dead letter. */
export async function supersedeDeadLetters(
  session: Session,
  stream: string,
  ids: readonly string[],
): Promise<void> {
  await session.query(
    `update syncline.dead_letter set closed_at = now(), closed_by = 'superseded'
      where stream = $1 and id = any($2) and closed_at is null`,
    [stream, ids.map(idOfLetter)],
  )
}

/** The stream has no record any more: all were deleted, or somebody has given its data up (`dropped`). */
export async function closeAllDeadLetters(
  session: Session,
  stream: string,
  closedBy: 'superseded' | 'dropped',
): Promise<void> {
  await session.query(
    `update syncline.dead_letter set closed_at = now(), closed_by = $2
      where stream = $1 and closed_at is null`,
    [stream, closedBy],
  )
}

/** The source holds these keyless records no more: by the SHA-256 of their raw forms, in hex. */
export async function retractDeadLetters(
  session: Session,
  stream: string,
  hashes: readonly string[],
): Promise<void> {
  await supersedeDeadLetters(
    session,
    stream,
    hashes.map((hash) => `sha256:${hash}`),
  )
}

/**
 * The records of these letters were not seen by the stream's resync: the source has them no more, or has mended them.
 * Those about to be `rejected` again stay open.
 */
export async function closeUnseenDeadLetters(
  session: Session,
  stream: string,
  rejected: readonly Rejected[],
): Promise<void> {
  await session.query(
    `update syncline.dead_letter letter set closed_at = now(), closed_by = 'superseded'
       from syncline.stream s
      where s.stream = $1 and letter.stream = s.stream and letter.closed_at is null
        and letter.last_seen_at < s.resync_began_at and letter.id <> all($2)`,
    [stream, rejected.map(letterId)],
  )
}

/** Streams that have open dead letters, so that a commit can skip looking for letters to close. */
export async function streamsWithOpenDeadLetters(session: Session): Promise<Set<string>> {
  const rows = await session.query('select distinct stream from syncline.dead_letter where closed_at is null')
  return new Set(rows.map(([stream]) => stream ?? ''))
}

export async function countOpenDeadLetters(session: Session): Promise<number> {
  const [count] = await session.one('select count(*) from syncline.dead_letter where closed_at is null')
  return Number(count)
}

/** Forgets letters that were closed longer than `retentionMs` ago. Open ones are kept until somebody acts. */
export async function purgeClosedDeadLetters(session: Session, retentionMs: number): Promise<number> {
  return session.execute(
    `delete from syncline.dead_letter where closed_at < now() - $1 * interval '1 millisecond'`,
    [retentionMs],
  )
}
