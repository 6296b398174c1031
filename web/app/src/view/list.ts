import { html, nothing, type TemplateResult } from "lit-html";
import { ref } from "lit-html/directives/ref.js";
import { repeat } from "lit-html/directives/repeat.js";
import type { Filter, Row } from "../state/pending.ts";
import type { Store } from "../state/store.ts";
import type { Places } from "./places.ts";
import { gapItem, rowItem } from "./row.ts";

const filters: readonly { readonly filter: Filter; readonly name: string; readonly key: string }[] = [
  { filter: "all", name: "All", key: "1" },
  { filter: "open", name: "Open", key: "2" },
  { filter: "done", name: "Done", key: "3" },
];

const emptyTexts: Readonly<Record<Filter, readonly [string, string]>> = {
  all: ["Nothing here yet", "Write down the first thing that comes to mind."],
  open: ["All done", "There is nothing left to do. Enjoy it."],
  done: ["Nothing done yet", "What you complete is kept here."],
};

/** Reads the list to show from a page's fragment, "#open"; all otherwise. */
export function filterOf(fragment: string): Filter {
  return filters.find(({ filter }) => fragment === `#${filter}`)?.filter ?? "all";
}

/** Shows the choice of lists. They are links, so that they can be kept and gone back to. */
export function filterLinks(store: Store): TemplateResult {
  return html`
    <nav class="filters" aria-label="Lists">
      ${filters.map(
        ({ filter, name, key }) =>
          html`<a
            href="#${filter}"
            aria-current=${store.list.filter === filter ? "page" : nothing}
            aria-keyshortcuts=${key}
            >${name}</a
          >`,
      )}
    </nav>
  `;
}

/**
 * Shows the list.
 *
 * @param watchEnd is given the element below the last row.
 */
export function todoList(store: Store, places: Places, watchEnd: (element?: Element) => void): TemplateResult {
  const { list } = store;
  const { rows } = store;
  const lines = places.lines(rows);
  return html`
    <section class="todos" aria-label="Todos" aria-busy=${list.loading ? "true" : "false"}>
      ${lines.length > 0
        ? html`<ul class="rows" role="list" @pointerleave=${places.leave}>
            ${repeat(
              lines,
              ({ key }) => key,
              (line) => ("done" in line ? gapItem(line) : rowItem(store, line, places)),
            )}
          </ul>`
        : nothing}
      ${state(store, rows)}
      <div class="end" ${ref(watchEnd)}></div>
    </section>
  `;
}

/** Says why there are no rows, or no more. */
function state(store: Store, rows: readonly Row[]): TemplateResult | typeof nothing {
  const { list, connection } = store;
  if (list.problem) {
    return html`
      <div role="alert">${stateText("The list could not be loaded", list.problem)}</div>
      <button class="below" type="button" @click=${() => store.show(list.filter)}>Try again</button>
    `;
  }
  if (list.loading && !connection.problem) {
    const count = list.loading === "first" && rows.length === 0 ? 4 : 1;
    return html`<div class="skeleton" aria-hidden="true">${Array.from({ length: count }, () => html`<span></span>`)}</div>`;
  }
  if (list.hasMore && !connection.problem) {
    return html`<button class="below" type="button" @click=${() => store.more()}>Show more</button>`;
  }
  if (rows.length === 0 && !list.loading && !list.hasMore) {
    return stateText(...emptyTexts[list.filter]);
  }
  return nothing;
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
