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
export const todayIcon = icon(svg`<rect x="4" y="5.5" width="16" height="14" rx="2.5" /><path d="M4 10h16M8.5 3.5v4M15.5 3.5v4" /><circle cx="12" cy="14.6" r="1.4" fill="currentColor" />`);
export const upcomingIcon = icon(svg`<rect x="4" y="5.5" width="16" height="14" rx="2.5" /><path d="M4 10h16M8.5 3.5v4M15.5 3.5v4M8 13.2h.01M12 13.2h.01M16 13.2h.01M8 16.4h.01M12 16.4h.01" />`);
export const allIcon = icon(svg`<path d="M4 13.5h4.5l1.5 2.5h4l1.5-2.5H20M4 13.5v4a2 2 0 0 0 2 2h12a2 2 0 0 0 2-2v-4L17.2 6a2 2 0 0 0-1.8-1.2H8.6A2 2 0 0 0 6.8 6Z" />`);
export const doneIcon = icon(svg`<circle cx="12" cy="12" r="8.25" /><path d="m8.5 12.2 2.4 2.4 4.6-5" />`);
export const searchIcon = icon(svg`<circle cx="10.5" cy="10.5" r="6" /><path d="m15 15 5 5" />`);
export const menuIcon = icon(svg`<path d="M5 7.5h14M5 12h14M5 16.5h14" />`);
export const tagIcon = icon(svg`<path d="M5 9h14M5 15h14M10 4.5 8.5 19.5M15.5 4.5 14 19.5" />`);
export const dueIcon = icon(svg`<rect x="4" y="5.5" width="16" height="14" rx="2.5" /><path d="M4 10h16M8.5 3.5v4M15.5 3.5v4" />`);
export const flagIcon = icon(svg`<path d="M6 20.5V4.5M6 5c4-2 6 2 11.5.3v8.2C12 15.2 10 11.2 6 13.2" />`);
export const planIcon = icon(svg`<path d="M4 7h9M17 7h3M4 12h3M11 12h9M4 17h9M17 17h3" /><circle cx="15" cy="7" r="2" /><circle cx="9" cy="12" r="2" /><circle cx="15" cy="17" r="2" />`);
export const chevronIcon = icon(svg`<path d="m9 6.5 5.5 5.500L9 17.5" />`);
export const selectIcon = icon(svg`<path d="m4 7 1.6 1.600L8.5 5.500M4 16l1.6 1.6 2.9-3.100M12 7.500h8M12 16.500h8" />`);
