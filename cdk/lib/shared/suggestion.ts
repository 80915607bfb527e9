/** "Did you mean …?": the known name that a misspelled one was meant to be. */

/**
 * Returns the known name that is most like another, if one is like it.
 *
 * @param name the unknown name
 * @param known the known names
 */
export function suggestion(name: string, known: readonly string[]): string | undefined {
  const [best] = known
    .map((one) => ({ one, distance: distance(name.toLowerCase(), one.toLowerCase()) }))
    .filter(
      ({ one, distance: changes }) =>
        changes <= Math.max(1, Math.floor(Math.min(name.length, one.length) / 3)),
    )
    .sort((a, b) => a.distance - b.distance);
  return best?.one;
}

/**
 * Returns the beginning of a remedy, ``Did you mean `NAME`? ``, or nothing.
 *
 * @param name the unknown name
 * @param known the known names
 */
export function didYouMean(name: string, known: readonly string[]): string {
  const found = suggestion(name, known);
  return found === undefined ? '' : `Did you mean \`${found}\`? `;
}

/**
 * The number of characters to insert, delete, replace or swap with their neighbour. A package for it would be one more that each user
 * of the constructs installs.
 */
function distance(from: string, to: string): number {
  const rows: number[][] = [Array.from({ length: to.length + 1 }, (_, n) => n)];
  const at = (row: number, column: number): number => rows[row]?.[column] ?? Infinity;
  for (let row = 1; row <= from.length; row++) {
    const next = [row];
    rows.push(next);
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1];
      const swapped =
        row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      next.push(
        Math.min(
          at(row - 1, column) + 1,
          at(row, column - 1) + 1,
          at(row - 1, column - 1) + (same ? 0 : 1),
          swapped ? at(row - 2, column - 2) + 1 : Infinity,
        ),
      );
    }
  }
  return at(from.length, to.length);
}
