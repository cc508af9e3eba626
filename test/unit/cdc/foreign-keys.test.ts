import { expect, test } from 'vitest'
import { cascadingKeys } from '../../../src/cdc/ddl/foreign-keys.ts'

const created = (...parts: readonly string[]): string =>
  `CREATE TABLE \`t\` (\n  \`a\` int(11) NOT NULL DEFAULT 0 COMMENT 'on delete cascade, (or so)',\n  PRIMARY KEY (\`a\`),\n  KEY \`i\` (\`a\`),\n  ${parts.join(
    ',\n  ',
  )}\n) ENGINE=InnoDB COMMENT='CONSTRAINT \`x\` FOREIGN KEY (\`a\`) REFERENCES \`b\` (\`c\`) ON DELETE CASCADE'`

const to = 'FOREIGN KEY (`a`) REFERENCES `p` (`id`)'

test('keys by which rows change silently are told from those that forbid it', () => {
  const definition = created(
    `CONSTRAINT \`none\` ${to}`,
    `CONSTRAINT \`forbids\` ${to} ON DELETE NO ACTION ON UPDATE RESTRICT`,
    `CONSTRAINT \`deletes\` ${to} ON DELETE CASCADE`,
    `CONSTRAINT \`empties\` ${to} ON DELETE SET NULL ON UPDATE CASCADE`,
    `CONSTRAINT \`defaults\` ${to} ON UPDATE SET DEFAULT`,
    'CONSTRAINT `checks` CHECK (`a` in (1, 2))',
  )
  expect(cascadingKeys(definition).map(({ name, onDelete, onUpdate }) => [name, onDelete, onUpdate])).toEqual(
    [
      ['deletes', 'cascade', 'restrict'],
      ['empties', 'set null', 'cascade'],
      ['defaults', 'restrict', 'set default'],
    ],
  )
})

test('names are taken as they are', () => {
  const definition = created(
    'CONSTRAINT `a``b` FOREIGN KEY (`x, y`, `on`) REFERENCES `other`.`p(q)` (`references`, `id`) ON DELETE CASCADE',
  )
  expect(cascadingKeys(definition)).toEqual([
    {
      ...{ name: 'a`b', columns: ['x, y', 'on'], parentSchema: 'other', parent: 'p(q)' },
      ...{ parentColumns: ['references', 'id'], onDelete: 'cascade', onUpdate: 'restrict' },
    },
  ])
})

test('a view, or nothing, has none', () => {
  expect(cascadingKeys('')).toEqual([])
  expect(cascadingKeys('CREATE VIEW `v` AS select 1')).toEqual([])
})
