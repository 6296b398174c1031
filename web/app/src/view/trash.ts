import { html, nothing, type TemplateResult } from "lit-html";
import { isolated } from "../state/quote.ts";
import type { Row } from "../state/rows.ts";
import type { Store } from "../state/store.ts";
import { deleteIcon } from "./icons.ts";
import type { Places } from "./places.ts";
import type { LinePlace } from "./row.ts";

const dates = new Intl.DateTimeFormat(undefined, { dateStyle: "long" });

/** Shows a deleted todo. */
export function trashItem(store: Store, row: Row, places: Places, place?: LinePlace): TemplateResult {
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
      class="row deleted ${row.progress}"
      data-key=${row.key}
      data-line=${row.key}
      aria-posinset=${place?.position ?? nothing}
      aria-setsize=${place?.of ?? nothing}
    >
      <div class="text">
        <p class="title title-text" dir="auto">${row.title}</p>
        ${row.description ? html`<p class="description" dir="auto">${row.description}</p>` : nothing}
        ${row.purgeTime === undefined
          ? nothing
          : html`<p class="purge">Deleted for good after ${dates.format(row.purgeTime / 1000)}</p>`}
      </div>
      <button class="small" type="button" data-part="title" aria-label="Restore ${name}" @click=${restore}>Restore</button>
      <button class="delete quiet" type="button" data-part="delete" aria-label="Delete ${name} for good" title="Delete for good" @click=${purge}>
        ${deleteIcon}
      </button>
    </li>
  `;
}

/** The button to delete all of the trash. */
export function emptyTrashButton(store: Store): TemplateResult {
  return html`<p class="above"><button class="small" type="button" @click=${() => store.actions.emptyTrash()}>Empty the trash</button></p>`;
}
