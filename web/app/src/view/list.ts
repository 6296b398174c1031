import { html, nothing, type TemplateResult } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import { tagOf, type Filter } from "../state/filter.ts";
import type { Row } from "../state/rows.ts";
import type { Store } from "../state/store.ts";
import type { Places } from "./places.ts";
import type { Placed, RowWindow } from "./row-window.ts";
import { gapItem, rowItem } from "./row.ts";
import { emptyTrashButton, trashItem } from "./trash.ts";

const filters: readonly { readonly filter: Filter; readonly name: string; readonly key: string }[] = [
  { filter: "all", name: "All", key: "1" },
  { filter: "today", name: "Today", key: "2" },
  { filter: "done", name: "Done", key: "3" },
  { filter: "trash", name: "Trash", key: "4" },
];

const emptyTexts: Readonly<Record<string, readonly [string, string]>> = {
  all: ["Nothing here yet", "Write down the first thing that comes to mind."],
  today: ["All done", "There is nothing left to do. Enjoy it."],
  upcoming: ["Nothing coming up", "Give a todo a due date, and it is shown here."],
  tag: ["Nothing with this tag", "Add a tag to a todo, and it is shown here."],
  done: ["Nothing done yet", "What you complete is kept here."],
  trash: ["The trash is empty", "What you delete is kept here for a while."],
};

/** Shows the choice of lists. They are links, so that they can be kept and gone back to. */
export function filterLinks(store: Store): TemplateResult {
  return html`
    <nav class="filters" aria-label="Lists">
      ${filters.map(
        ({ filter, name, key }) =>
          html`<a href="#${filter}" aria-current=${store.filter === filter ? "page" : nothing} aria-keyshortcuts=${key}>${name}</a>`,
      )}
    </nav>
  `;
}

/** Shows the list. */
export function todoList(store: Store, places: Places, rowWindow: RowWindow): TemplateResult {
  const { rows } = store;
  const lines = places.lines(rows);
  const items = rowWindow.place(lines, (line) => !("done" in line) && store.drafts.of(line.key) !== undefined);
  const isWhole = items.length === lines.length;
  return html`
    <section class="todos" aria-label="Todos" aria-busy=${store.isLoading && !store.problem ? "true" : "false"}>
      ${store.filter === "trash" && rows.length > 0 ? emptyTrashButton(store) : nothing}
      ${lines.length > 0
        ? html`<ul class="rows" role="list" @pointerleave=${places.leave}>
            ${repeat(
              items,
              ({ key }) => key,
              (item) => ("space" in item ? spaceItem(item.space) : lineItem(item)),
            )}
          </ul>`
        : nothing}
      ${state(store, rows)}
    </section>
  `;

  function lineItem({ line, position }: Placed<(typeof lines)[number]>): TemplateResult {
    if ("done" in line) return gapItem(line);
    const place = isWhole ? undefined : { position, of: lines.length };
    return line.deletedAt === undefined ? rowItem(store, line, places, place) : trashItem(store, line, places, place);
  }
}

/** Leaves room for lines that are not drawn. The height is set by script, as the page's policy wants it. */
function spaceItem(space: number): TemplateResult {
  return html`<li class="space" role="presentation" aria-hidden="true" .style=${`height: ${space}px`}></li>`;
}

/** Says why there are no rows, or that more come. */
function state(store: Store, rows: readonly Row[]): TemplateResult | typeof nothing {
  if (store.loadFault) {
    return html`
      <div role="alert">${stateText("The list could not be loaded", store.loadFault)}</div>
      <button class="below" type="button" @click=${() => store.retryNow()}>Try again</button>
    `;
  }
  if (store.isLoading) {
    if (store.problem) return nothing;
    const count = rows.length === 0 ? 4 : 1;
    return html`<div class="skeleton" aria-hidden="true">${Array.from({ length: count }, () => html`<span></span>`)}</div>`;
  }
  return rows.length === 0 ? stateText(...emptyTexts[tagOf(store.filter) === undefined ? store.filter : "tag"]!) : nothing;
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
