import { html, type TemplateResult } from "lit-html";
import { piecesOf } from "./links.ts";

/**
 * Shows what a user wrote, with links that open beside the page, which they
 * learn nothing about. A link's own direction is from left to right, whatever
 * the text's around it.
 */
export function linkedText(text: string): (TemplateResult | string)[] {
  return piecesOf(text).map(({ text, href }) =>
    href === undefined ? text : html`<a href=${href} dir="ltr" target="_blank" rel="noopener noreferrer">${text}</a>`,
  );
}

/** Says whether text has links. */
export function hasLinks(text: string): boolean {
  return piecesOf(text).some(({ href }) => href !== undefined);
}

/** Says whether a click was on a link, which is all that it then does. */
export function isOnLink({ target }: Event): boolean {
  return (target as Element).closest("a") !== null;
}
