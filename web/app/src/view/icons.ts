import { svg, type TemplateResult } from "lit-html";

/** Icons are drawn on 24 by 24 units, say nothing to screen readers and take the text's colour. */
function icon(shape: TemplateResult): TemplateResult {
  return svg`<svg class="icon" viewBox="0 0 24 24" width="20" height="20" aria-hidden="true" fill="none"
    stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round">${shape}</svg>`;
}

export const addIcon = icon(svg`<path d="M12 5v14M5 12h14" />`);
export const deleteIcon = icon(svg`<path d="M5 7h14M10 7V5h4v2M7 7l1 12h8l1-12M10.5 11v5M13.5 11v5" />`);
export const closeIcon = icon(svg`<path d="m7 7 10 10M17 7 7 17" />`);
export const keyboardIcon = icon(
  svg`<rect x="3" y="6.5" width="18" height="11" rx="2" /><path d="M7 10h.01M10.3 10h.01M13.7 10h.01M17 10h.01M8.5 14h7" />`,
);
export const awayIcon = icon(svg`<path d="M12 8.5v4.5M12 16.3v.01M10.3 4.8 3.6 16.5A2 2 0 0 0 5.3 19.5h13.4a2 2 0 0 0 1.7-3L13.7 4.8a2 2 0 0 0-3.4 0Z" />`);
