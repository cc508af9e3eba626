import { join } from 'node:path'
import { fetchServers, main, prepare, root, runNode } from './setup.mjs'

await main(async () => {
  const args = process.argv.slice(2)
  await prepare()
  if (!args.includes('--help')) await fetchServers(['mariadb'])
  return runNode([join(root, 'dist/src/main.js'), 'demo', ...args])
})
