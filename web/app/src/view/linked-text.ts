import { html, type TemplateResult } from "lit-html";
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

/** Says whether text has links. */
export function hasLinks(text: string): boolean {
  return piecesOf(text).some(({ href }) => href !== undefined);
}

/** Returns whether a click was on a link. Such a click does nothing else. */
export function isOnLink({ target }: Event): boolean {
  return (target as Element).closest("a") !== null;
}
