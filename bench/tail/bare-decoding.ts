import ZongJi from '@vlasky/zongji'

/**
 * The least that a client has to do: events of the log from a place on, decoded by the client that is used most, and
 * nothing done with them. Prints the seconds it took to come to the beacon's row. A process of its own, so that
 * neither side pays for the other's memory.
 */
const [url = '', file = '', offset = '0', beacon = ''] = process.argv.slice(2)
const { hostname, port, username, password, pathname } = new URL(url)
const client = new ZongJi({
  host: hostname,
  port: Number(port),
  user: decodeURIComponent(username),
  password: decodeURIComponent(password),
})
let started = 0
client.on('binlog', (event) => {
  if (started === 0) started = performance.now()
  if (event.getEventName() !== 'writerows') return
  const { tableId, tableMap, rows } = event as unknown as {
    tableId: number
    tableMap: Record<number, { tableName: string }>
    rows: readonly Record<string, unknown>[]
  }
  if (tableMap[tableId]?.tableName !== 'beacon' || rows[0]?.['name'] !== beacon) return
  console.log(String((performance.now() - started) / 1000))
  client.stop()
  process.exit(0)
})
client.on('error', (error) => {
  throw error
})
client.start({
  serverId: 1_000_000 + process.pid,
  filename: file,
  position: Number(offset),
  includeEvents: ['tablemap', 'writerows', 'updaterows', 'deleterows', 'rotate'],
  includeSchema: { [pathname.slice(1)]: true },
})
