// Users' text within the page's own sentences.

/** How much of a title a message shows, in grapheme clusters. */
const quoteLength = 40;

/** Characters that are written from right to left, or that change the direction of others. */
const directed = /[\p{Bidi_Control}\u0590-\u08FF\uFB1D-\uFDFF\uFE70-\uFEFE\u{10800}-\u{10FFF}\u{1E800}-\u{1EFFF}]/u;

/** Shortens a title for a message, and quotes it. */
export function quote(title: string): string {
  const characters = charactersOf(title);
  return `“${isolated(characters.length > quoteLength ? characters.slice(0, quoteLength - 1).join("") + "…" : title)}”`;
}

/**
 * Returns text that doesn't change the direction of the sentence around it. It is
 * put between FSI and PDI (Unicode Standard Annex 9), and its own isolates are
 * closed.
 */
export function isolated(text: string): string {
  if (!directed.test(text)) return text;
  let depth = 0;
  const balanced = text.replace(/[\u2066-\u2069]/g, (mark) => {
    if (mark !== "\u2069") depth++;
    else if (depth === 0) return ""; // It would close the isolate around the text.
    else depth--;
    return mark;
  });
  return `\u2068${balanced}${"\u2069".repeat(depth)}\u2069`;
}

/** Splits text into grapheme clusters, or into code points where the browser can't. */
function charactersOf(text: string): string[] {
  if (!("Segmenter" in Intl)) return [...text];
  return Array.from(new Intl.Segmenter().segment(text), ({ segment }) => segment);
}
