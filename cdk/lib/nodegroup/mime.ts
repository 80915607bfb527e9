/** User data of several parts, in MIME. cloud-init, nodeadm and EKS read it. */

/** A part. */
export interface Part {
  /** The content type, as `text/x-shellscript; charset="us-ascii"`. */
  readonly contentType: string;
  /** The content, in ASCII, with a line end at its end. */
  readonly content: string;
}

/** Every content is base 94, JSON, YAML or a script, and none has a line that begins with `--` and this. */
const BOUNDARY = '==HOOKLINE==';

/** Returns a MIME message of the parts, in their order. */
export function multipart(parts: readonly Part[]): string {
  for (const { content } of parts) {
    if (content.includes(`--${BOUNDARY}`)) {
      throw new Error(`a part has the boundary ${BOUNDARY} in it`);
    }
  }
  const texts = parts.map(
    ({ contentType, content }) => `--${BOUNDARY}\nContent-Type: ${contentType}\n\n${content}`,
  );
  return `MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="${BOUNDARY}"\n\n${texts.join('')}--${BOUNDARY}--\n`;
}
