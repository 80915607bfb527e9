import js from '@eslint/js';
import tseslint from 'typescript-eslint';

/**
 * A room of `lib/` may import from itself and from these. The files directly in `lib/` combine the rooms. A node group has the
 * hook of its launches.
 */
const ROOMS = {
  launch: ['shared'],
  naming: ['shared'],
  traffic: ['shared'],
  nodegroup: ['shared', 'launch'],
  shared: [],
};
const roomRules = Object.entries(ROOMS).map(([room, others]) => ({
  files: [`lib/${room}/**/*.ts`],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          {
            regex: others.length === 0 ? '^\\.\\./' : `^\\.\\./(?!(${others.join('|')})/)`,
            message: `lib/${room} may import from ${[room, ...others].map((name) => `lib/${name}`).join(' and ')} only.`,
          },
        ],
      },
    ],
  },
}));

export default tseslint.config(
  { ignores: ['cdk.out/', 'dist/', 'node_modules/'] },
  js.configs.recommended,
  ...tseslint.configs.strictTypeChecked.map((config) => ({ ...config, files: ['**/*.ts'] })),
  {
    files: ['**/*.ts'],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // A number in a template has an obvious text.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // The configuration has the retention of logs as a number of days, which its schema checks.
      '@typescript-eslint/no-unsafe-enum-assignment': 'off',
      // A construct may consist of a constructor only.
      '@typescript-eslint/no-extraneous-class': 'off',
    },
  },
  ...roomRules,
);
