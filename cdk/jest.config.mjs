import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';

// The CDK leaves the output of each synthesis in the folder for temporary files. The run has such a
// folder of its own, and removes it at the end.
const folder = mkdtempSync(join(tmpdir(), 'hookline-cdk-'));
process.env.TMPDIR = folder;
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

export default {
  testEnvironment: 'node',
  // A test that hangs ends; one that is slow beside a compiler does not fail.
  testTimeout: 60_000,
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  setupFilesAfterEnv: ['<rootDir>/test/conditions.ts'],
  // SWC removes the types without a check; `npm run lint` checks them.
  transform: { '^.+\\.ts$': ['@swc/jest', { jsc: { target: 'es2022', parser: { syntax: 'typescript' } } }] },
  // An example names the library as its copy in another folder does.
  moduleNameMapper: { '^hookline-cdk$': '<rootDir>/lib/index.ts' },
  modulePathIgnorePatterns: ['<rootDir>/cdk.out/', '<rootDir>/dist/'],
};
