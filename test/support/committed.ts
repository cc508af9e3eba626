import { Session } from '../../src/state/session.ts'

/** What tells one committed state of a match from another, as a text. */
export async function committed(url: string): Promise<string> {
  const session = await Session.connect({ url, applicationName: 'test' })
  try {
    const rows = await session.query(
      `select (select json_agg(p order by source) from syncline.source p),
              (select json_agg(m order by model) from (select model, state, wanted, shown from syncline.model) m),
              (select json_agg(f order by match) from syncline.match_feed f),
              (select json_agg(q order by model, side, id) from syncline.match_queue q),
              (select json_agg(f order by model, side, place, key) from syncline.match_fan_out f),
              (select json_agg(d order by left_id, right_id) from syncline.match_decision d),
              (select as_of from warehouse.as_of),
              (select count(*) from pg_tables where schemaname = 'syncline')`,
    )
    return JSON.stringify(rows)
  } finally {
    await session.close()
  }
}
