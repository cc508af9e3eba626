import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { main, prepare, root, runNode } from './setup.mjs'

await main(async () => {
  const [name, ...args] = process.argv.slice(2)
  const files = await readdir(join(root, 'bench')).catch(() => [])
  const names = files.filter((file) => file.endsWith('.ts')).map((file) => file.slice(0, -3))
  if (name === undefined || !names.includes(name)) {
    console.error(`usage: npm run bench NAME; NAME is one of: ${names.join(', ')}`)
    return 64
  }
  await prepare()
  return runNode([join(root, 'dist/bench', `${name}.js`), ...args])
})
