import js from '@eslint/js';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['cdk.out/', 'node_modules/'] },
  js.configs.recommended,
  ...tseslint.configs.strictTypeChecked.map((config) => ({ ...config, files: ['**/*.ts'] })),
  {
    files: ['**/*.ts'],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // Numbers read as they are in a text.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // The days of a log's retention are numbers in the configuration; its schema has checked them.
      '@typescript-eslint/no-unsafe-enum-assignment': 'off',
      // A construct does its work when it is made.
      '@typescript-eslint/no-extraneous-class': 'off',
    },
  },
);
