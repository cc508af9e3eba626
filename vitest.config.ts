import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    // Two processes fill the machines this runs on, and servers need their share.
    maxWorkers: 2,
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          // A bound on hanging, not on speed: machines are shared.
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'servers',
          include: ['test/{db,conformance,crash,e2e}/**/*.test.ts'],
          pool: 'forks',
          // Starts the servers before the first of these files, so unit tests alone wait for none.
          globalSetup: 'test/support/global-setup.ts',
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
})
