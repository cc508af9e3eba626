import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { startVendorSimulator } from './simulator.ts'

/**
 * Starts the vendor's API on its own, for docker compose:
 * `node simulator-main.js --users users.jsonl --host 0.0.0.0 --port 8080`, each also from the environment
 * (`VENDOR_USERS`, `VENDOR_HOST`, `VENDOR_PORT`, `VENDOR_PAGE_SIZE`, `VENDOR_LATENCY_MS`). The file holds one user
 * as JSON a line, in the order in which the API lists them.
 */
const { env } = process
const { values } = parseArgs({
  options: {
    users: { type: 'string', default: env['VENDOR_USERS'] ?? '' },
    host: { type: 'string', default: env['VENDOR_HOST'] ?? '127.0.0.1' },
    port: { type: 'string', default: env['VENDOR_PORT'] ?? '8080' },
    'page-size': { type: 'string', default: env['VENDOR_PAGE_SIZE'] ?? '1000' },
    'latency-ms': { type: 'string', default: env['VENDOR_LATENCY_MS'] ?? '0' },
  },
})

const simulator = await startVendorSimulator({
  host: values.host,
  port: Number(values.port),
  pageSize: Number(values['page-size']),
  latencyMs: Number(values['latency-ms']),
})
if (values.users !== '') {
  const file = createReadStream(values.users)
  for await (const line of createInterface({ input: file })) {
    if (line.trim() !== '') simulator.insert(JSON.parse(line) as Parameters<typeof simulator.insert>[0])
  }
}
console.log(`${simulator.count} users at ${simulator.url}`)

const stop = (): void => {
  void simulator.close()
}
process.once('SIGTERM', stop).once('SIGINT', stop)
