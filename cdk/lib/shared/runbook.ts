/** The pages that tell what to do about an alarm. docs/operations.md has the same table for people. */

/** The beginning of the alarm's name, without the prefix of its set, and its page below `docs/`. */
const PAGES: readonly (readonly [string, string])[] = [
  ['executions-failed', 'operations/execution-failed.md'],
  ['executions-timed-out', 'operations/execution-does-not-end.md'],
  ['launches-overdue', 'operations/scale-out-hangs.md'],
  ['late-verdicts', 'operations/hook-ends-early.md'],
  ['launch-loops', 'operations/launch-loop.md'],
  ['hook-problems', 'operations/hook.md#a-hook-that-does-not-fit'],
  ['nodes-without-interfaces', 'operations/node-lacks-interfaces.md'],
  ['nodes-without-tags', 'operations/node-without-name.md#a-group-with-a-hook'],
  ['lambda-throttles', 'operations/concurrency.md'],
  ['free-addresses', 'operations/addresses.md'],
  ['dead-letters', 'operations/reconcile-fails.md'],
  ['reconcile-failing', 'operations/reconcile-fails.md'],
  ['refused-profiles', 'operations/reconcile-fails.md'],
  ['naming-throttles', 'operations/concurrency.md'],
  ['naming', 'operations/node-without-name.md'],
];

/**
 * Returns the page of an alarm of launches, reconcile or naming, below `docs/`.
 *
 * @param name the alarm's name, without the prefix of its set
 */
export function runbookPage(name: string): string {
  const [, page] = PAGES.find(([beginning]) => name.startsWith(beginning)) ?? [];
  if (page === undefined) {
    throw new Error(
      `the alarm ${name} has no page: add one to cdk/lib/shared/runbook.ts and docs/operations.md`,
    );
  }
  return page;
}
