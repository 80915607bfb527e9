import js from '@eslint/js';
import tseslint from 'typescript-eslint';

/**
 * A room of `lib/` may import from `shared/` and from itself. `shared/` may not import from the other rooms. The files directly
 * in `lib/` combine the rooms.
 */
const ROOMS = ['launch', 'naming', 'traffic', 'shared'];
const roomRules = ROOMS.map((room) => ({
  files: [`lib/${room}/**/*.ts`],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          {
            regex: room === 'shared' ? '^\\.\\./' : '^\\.\\./(?!shared/)',
            message: `lib/${room} may import from ${room === 'shared' ? 'lib/shared only' : `lib/shared and lib/${room} only`}.`,
          },
        ],
      },
    ],
  },
}));

export default tseslint.config(
  { ignores: ['cdk.out/', 'node_modules/'] },
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
