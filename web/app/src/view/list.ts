import { html, nothing, type TemplateResult } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import { sectionTitle } from "../state/due-text.ts";
import { tagOf, type Filter } from "../state/filter.ts";
import type { Row } from "../state/rows.ts";
import type { Section } from "../state/sections.ts";
import type { Store } from "../state/store.ts";
import type { Drag } from "./drag.ts";
import { chevronIcon } from "./icons.ts";
import type { Placed, RowWindow } from "./row-window.ts";
import { gapItem, rowItem, type RowContext } from "./row.ts";
import type { Gap } from "./places.ts";
import { emptyTrashButton, trashItem } from "./trash.ts";

/** A line of the list. */
type Line =
  | { readonly key: string; readonly section: string; readonly heading: Section }
  | { readonly key: string; readonly section: string; readonly of: Section; readonly row: Row; readonly place: number };

const emptyTexts: Readonly<Record<string, readonly [string, string]>> = {
  today: ["A clear day", "Nothing is due today."],
  upcoming: ["Nothing ahead", "What has a due date is listed here, day by day."],
  all: ["Nothing here yet", "Write down the first thing that comes to mind."],
  done: ["Nothing done yet", "What you complete is kept here."],
  trash: ["The trash is empty", "What you delete is kept here for a while."],
};

/** Shows the list. */
export function todoList(context: RowContext, rowWindow: RowWindow, drag: Drag): TemplateResult {
  const { store, places } = context;
  const { sections } = store;
  const own = linesOf(sections, store.filter);
  const lines = places.lines(own);
  const items = rowWindow.place(lines, (line) => store.drafts.of(line.key) !== undefined);
  const isWhole = items.length === lines.length;
  const rowCount = own.reduce((count, line) => count + ("row" in line ? 1 : 0), 0);
  return html`
    <section class="todos" aria-label="Todos" aria-busy=${store.isLoading && !store.problem ? "true" : "false"}>
      ${store.filter === "trash" && rowCount > 0 ? emptyTrashButton(store) : nothing}
      ${lines.length > 0
        ? html`<ul
            class="rows"
            role="list"
            @pointerleave=${places.leave}
            @animationend=${places.folded}
            @pointerdown=${drag.begin}
            @touchmove=${drag.holdScroll}
            @contextmenu=${drag.noMenu}
          >
            ${repeat(
              items,
              ({ key }) => key,
              (item) => ("space" in item ? spaceItem(item.space) : lineItem(item)),
            )}
          </ul>`
        : nothing}
      ${state(store, sections)}
    </section>
  `;

  function lineItem({ line }: Placed<Line | Gap>): TemplateResult {
    if (!("section" in line)) return gapItem(line);
    if ("heading" in line) return headingItem(store, line.heading, line.key);
    const place = isWhole ? undefined : { position: line.place, of: rowCount };
    return line.row.deletedAt === undefined
      ? rowItem(context, line.row, line.of, place)
      : trashItem(context, line.row, line.section, place);
  }
}

/** Returns the lines of all sections. A section that is the whole list needs no heading. */
function linesOf(sections: readonly Section[], filter: Filter): Line[] {
  const lines: Line[] = [];
  let place = 0;
  for (const section of sections) {
    const { key, kind, rows } = section;
    const isMain = kind === "open" || kind === "trash" || kind === "found" || filter === kind;
    if (!isMain) lines.push({ key: `heading ${key}`, section: key, heading: section });
    for (const row of rows) lines.push({ key: row.key, section: key, of: section, row, place: ++place });
  }
  return lines;
}

function headingItem(store: Store, section: Section, line: string): TemplateResult {
  const title = sectionTitle(section, store.now);
  if (section.kind !== "done") {
    return html`<li class="heading ${section.kind === "overdue" ? "late" : ""}" data-line=${line}>
      <h2>${title}</h2>
      <span class="count" aria-hidden="true">${section.count}</span>
    </li>`;
  }
  return html`
    <li class="heading" data-line=${line}>
      <h2>
        <button type="button" aria-expanded=${section.isFolded ? "false" : "true"} @click=${() => store.toggleFold(section.key)}>
          ${chevronIcon}${title} <span class="count">${section.count}</span>
        </button>
      </h2>
    </li>
  `;
}

/** Leaves room for lines that are not drawn. The height is set by script, as the page's policy wants it. */
function spaceItem(space: number): TemplateResult {
  return html`<li class="space" role="presentation" aria-hidden="true" .style=${`height: ${space}px`}></li>`;
}

/** Says why there are no rows, or that more come. */
function state(store: Store, sections: readonly Section[]): TemplateResult | typeof nothing {
  if (store.loadFault) {
    return html`
      <div role="alert">${stateText("The list could not be loaded", store.loadFault)}</div>
      <button class="below" type="button" @click=${() => store.retryNow()}>Try again</button>
    `;
  }
  const isEmpty = sections.every(({ kind }) => kind === "done" && store.filter !== "done" && store.search === "");
  if (store.isLoading) {
    if (store.problem) return nothing;
    const count = isEmpty ? 4 : 1;
    return html`<div class="skeleton" aria-hidden="true">${Array.from({ length: count }, () => html`<span></span>`)}</div>`;
  }
  if (!isEmpty) return nothing;
  if (store.search !== "") return stateText("Nothing found", `No todo has “${store.search}” in its title, details or tags.`);
  if (sections.length > 0) return stateText("All done", "There is nothing left to do here. Enjoy it.");
  if (tagOf(store.filter) !== undefined) return stateText("Nothing here", "No todo has this tag.");
  return stateText(...(emptyTexts[store.filter] ?? ["", ""]));
}

/** Says in the middle of the page how things are. */
export function stateText(headline: string, text: string): TemplateResult {
  return html`
    <div class="state">
      <p class="headline">${headline}</p>
      <p>${text}</p>
    </div>
  `;
}
