import { html, type TemplateResult } from "lit-html";
import { matchesIn } from "../state/search.ts";
import { piecesOf } from "./links.ts";

/**
 * Shows a user's text with its links. They open in a new tab, and pass on neither
 * referrer nor opener. A link is written from left to right, whatever the direction
 * of the text around it.
 */
export function linkedText(text: string): (TemplateResult | string)[] {
  return piecesOf(text).map(({ text, href }) =>
    href === undefined ? text : html`<a href=${href} dir="ltr" target="_blank" rel="noopener noreferrer">${text}</a>`,
  );
}

/** Shows a user's text with the words marked that are searched for. */
export function markedText(text: string, query: string): (TemplateResult | string)[] | string {
  const found = query === "" ? [] : matchesIn(text, query);
  if (found.length === 0) return text;
  const pieces = found.flatMap(({ start, end }, i) => [text.slice(found[i - 1]?.end ?? 0, start), html`<mark>${text.slice(start, end)}</mark>`]);
  return [...pieces, text.slice(found.at(-1)?.end ?? 0)];
}

/** Says whether text has links. */
export function hasLinks(text: string): boolean {
  return piecesOf(text).some(({ href }) => href !== undefined);
}

/** Returns whether a click was on a link. Such a click does nothing else. */
export function isOnLink({ target }: Event): boolean {
  return (target as Element).closest("a") !== null;
}
