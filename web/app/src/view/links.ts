/** A piece of text, with an address if it is a link. */
export interface Piece {
  readonly text: string;
  readonly href?: string;
}

/**
 * Matches a possible link. It doesn't continue a word, and ends before a space, a
 * bracket, a quotation mark or an invisible character.
 */
const candidate = /(?<![a-z0-9+.-])https?:\/\/[^\s\p{C}<>"“”„«»‹›「」『』【】《》〈〉`|\\^{}]+/giu;

/** Punctuation that ends a sentence or a part of it, in any language, and doesn't belong to a link. */
const end = /[.,:;!?'’…。．、，：；！？·؟،؛۔।*_~]+$/u;

const brackets: Readonly<Record<string, string>> = { ")": "(", "]": "[", "）": "（" };

/** Splits text at its links to web pages. The pieces together are the text. */
export function piecesOf(text: string): Piece[] {
  if (!text.includes("://")) return text === "" ? [] : [{ text }]; // As most texts are.
  const pieces: Piece[] = [];
  let from = 0;
  for (const { 0: found, index } of text.matchAll(candidate)) {
    const link = trimmed(found);
    const href = hrefOf(link);
    if (href === undefined) continue;
    if (index > from) pieces.push({ text: text.slice(from, index) });
    pieces.push({ text: link, href });
    from = index + link.length;
  }
  if (from < text.length) pieces.push({ text: text.slice(from) });
  return pieces;
}

/** Removes from the end of a link the sentence's punctuation, and brackets that were opened before the link. */
function trimmed(link: string): string {
  for (;;) {
    const shorter = link.replace(end, "");
    const last = shorter.at(-1) ?? "";
    const opening = brackets[last];
    const isOpenedBefore = opening !== undefined && count(shorter, last) > count(shorter, opening);
    if (!isOpenedBefore) return shorter;
    link = shorter.slice(0, -1);
  }
}

function count(text: string, character: string): number {
  return text.split(character).length - 1;
}

/** Returns the address of a link; undefined when it is not valid, or contains a user name, which is used to deceive. */
function hrefOf(link: string): string | undefined {
  if (!URL.canParse(link)) return undefined;
  const { protocol, username, password, href } = new URL(link);
  const isWeb = protocol === "http:" || protocol === "https:";
  return isWeb && username === "" && password === "" ? href : undefined;
}
