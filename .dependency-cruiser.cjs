// The layers of ARCHITECTURE.md: cdc | poller | files → changes → state → match → warehouse.
// A layer may import the layers before it in this line, never those after it.
const layer = (name, mayImport) => ({
  name: `${name}-imports-only-earlier-layers`,
  severity: 'error',
  from: { path: `^src/${name}/` },
  to: { path: '^src/', pathNot: `^src/(${[name, ...mayImport].join('|')})/` },
})

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    layer('runtime', []),
    layer('changes', ['runtime']),
    layer('cdc', ['changes', 'runtime']),
    layer('poller', ['changes', 'runtime']),
    layer('files', ['changes', 'runtime']),
    layer('state', ['changes', 'runtime']),
    layer('match', ['state', 'changes', 'runtime']),
    layer('warehouse', ['match', 'state', 'changes', 'runtime']),
    layer('config', ['runtime', 'changes', 'match']),
    {
      name: 'only-the-wiring-imports-sources',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(wiring\\.ts|cdc/|poller/|files/)' },
      to: { path: '^src/(cdc|poller|files)/' },
    },
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'the-product-never-imports-its-tests',
      severity: 'error',
      from: { path: '^(src|scripts|examples)/' },
      to: { path: '^(test|bench)/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { extensions: ['.ts', '.mjs', '.js', '.json'] },
  },
}
