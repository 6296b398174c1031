import { html, nothing, type TemplateResult } from "lit-html";
import { dateText } from "../state/due-text.ts";
import { isolated } from "../state/quote.ts";
import type { Row } from "../state/rows.ts";
import type { Store } from "../state/store.ts";
import { deleteIcon } from "./icons.ts";
import type { LinePlace, RowContext } from "./row.ts";

/** Shows a deleted todo. */
export function trashItem({ store, places, choosing }: RowContext, row: Row, section: string, place?: LinePlace): TemplateResult {
  const restore = (event: MouseEvent) => {
    places.hold(event, row.key, "Restored");
    store.actions.restore([row]);
  };
  const purge = (event: MouseEvent) => {
    places.hold(event, row.key, "Deleted for good");
    store.actions.purge([row]);
  };
  const name = isolated(row.title);
  return html`
    <li
      class="row deleted ${row.progress} ${store.selection.has(row.key) ? "selected" : ""}"
      data-key=${row.key}
      data-line=${row.key}
      data-section=${section}
      aria-posinset=${place?.position ?? nothing}
      aria-setsize=${place?.of ?? nothing}
    >
      ${choosing.isOn(store)
        ? html`<input
            class="check choose"
            type="checkbox"
            aria-label="Select ${name}"
            .checked=${store.selection.has(row.key)}
            @click=${(event: MouseEvent) => choosing.check(store, row, event)}
          />`
        : nothing}
      <div class="text" @click=${(event: MouseEvent) => choosing.click(store, row, event)}>
        <p class="title title-text" dir="auto">${row.title}</p>
        ${row.description ? html`<p class="description" dir="auto">${row.description}</p>` : nothing}
        ${row.purgeTime === undefined ? nothing : html`<p class="purge">Deleted for good after ${dateText(row.purgeTime, store.now)}</p>`}
      </div>
      <div class="acts">
        <button class="small" type="button" data-part="title" aria-label="Restore ${name}" @click=${restore}>Restore</button>
        <button class="delete quiet" type="button" data-part="delete" aria-label="Delete ${name} for good" title="Delete for good" @click=${purge}>
          ${deleteIcon}
        </button>
      </div>
    </li>
  `;
}

/** The button to delete all of the trash. */
export function emptyTrashButton(store: Store): TemplateResult {
  return html`<p class="above"><button class="small" type="button" @click=${() => store.actions.emptyTrash()}>Empty the trash</button></p>`;
}
