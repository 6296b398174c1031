/** A piece of text, and where it leads if it is a link. */
export interface Piece {
  readonly text: string;
  readonly href?: string;
}

/**
 * Where a link may be: after nothing that would make it part of a word, as far
 * as neither space, bracket, quotation mark nor invisible character comes.
 */
const candidate = /(?<![a-z0-9+.-])https?:\/\/[^\s\p{C}<>"“”„«»‹›「」『』【】《》〈〉`|\\^{}]+/giu;

/** What ends a sentence, or a part of one, in whatever language, and no link. */
const end = /[.,:;!?'’…。．、，：；！？·؟،؛۔।*_~]+$/u;

const brackets: Readonly<Record<string, string>> = { ")": "(", "]": "[", "）": "（" };

/** Takes text apart at the links in it, to pages of the web only. Together the pieces are the text. */
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

/** Leaves out what stands behind a link: the end of its sentence, and brackets that were opened before it. */
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

/** Returns the address of a link; undefined when it is none, or names a user, which is there to deceive. */
function hrefOf(link: string): string | undefined {
  if (!URL.canParse(link)) return undefined;
  const { protocol, username, password, href } = new URL(link);
  const isWeb = protocol === "http:" || protocol === "https:";
  return isWeb && username === "" && password === "" ? href : undefined;
}
