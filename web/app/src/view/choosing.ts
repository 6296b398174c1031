// Choosing several rows, to do something with all of them.

import { html, nothing, type TemplateResult } from "lit-html";
import type { Row } from "../state/rows.ts";
import type { Store } from "../state/store.ts";
import { focusHeading, focusInPlace } from "./focus.ts";
import { rendered } from "./render.ts";
import { closeIcon, deleteIcon, doneIcon, planIcon } from "./icons.ts";
import type { Plan } from "./plan.ts";

/** Whether the user chooses rows, and how. */
export class Choosing {
  #isOn = false;
  readonly #changed: () => void;

  constructor(changed: () => void) {
    this.#changed = changed;
    addEventListener("hashchange", () => (this.#isOn = false));
  }

  /** Returns whether the rows' checkboxes choose them. */
  isOn(store: Store): boolean {
    return this.#isOn || store.selection.size > 0;
  }

  begin(): void {
    this.#isOn = true;
    this.#changed();
  }

  /** Ends choosing. Returns whether there was anything to end. */
  end(store: Store): boolean {
    if (!this.isOn(store)) return false;
    this.#isOn = false;
    store.selection.clear();
    this.#changed();
    return true;
  }

  /** Chooses a row by its checkbox. */
  check(store: Store, row: Row, event: MouseEvent): void {
    this.#isOn = true; // Also when the last one is taken out again.
    if (event.shiftKey) store.selection.extendTo(row.key);
    else store.selection.toggle(row.key);
  }

  /** Chooses a row by a click on its text: with Shift, Ctrl or ⌘, or while the user chooses. Returns whether it was such a click. */
  click(store: Store, row: Row, event: MouseEvent): boolean {
    if (!event.shiftKey && !event.ctrlKey && !event.metaKey && !this.isOn(store)) return false;
    if (event.shiftKey) getSelection()?.removeAllRanges(); // Shift has selected text, too.
    this.check(store, row, event);
    return true;
  }
}

/** Shows what can be done with the chosen rows. */
export function bulkBar(store: Store, choosing: Choosing, plan: Plan): TemplateResult | typeof nothing {
  if (!choosing.isOn(store)) return nothing;
  const { selection, actions } = store;
  const { rows } = selection;
  const act = (does: (rows: readonly Row[]) => void) => (event: MouseEvent) => {
    const before = store.rows;
    does(rows);
    choosing.end(store);
    if (event.detail === 0) void focusInPlace(store, before, rows); // By keyboard: the bar goes, and the focus with it.
  };
  const inTrash = store.filter === "trash";
  const none = rows.length === 0;
  const completes = rows.some(({ isCompleted }) => !isCompleted) || none;
  return html`
    <div class="bulk" role="toolbar" aria-label="What to do with the selected todos">
      <p role="status">${rows.length} selected</p>
      ${none
        ? html`<button type="button" @click=${() => selection.selectAll()}>Select all</button>`
        : inTrash
          ? html`<button type="button" @click=${act((rows) => actions.restore(rows))}>Restore</button>`
          : html`<button type="button" @click=${act((rows) => actions.toggle(rows))}>${doneIcon}${completes ? "Complete" : "Open again"}</button>
              <button type="button" @click=${() => plan.open(rows.map(({ key }) => key))}>${planIcon}Plan</button>`}
      ${none
        ? nothing
        : html`<button type="button" @click=${act((rows) => actions.delete(rows))}>${deleteIcon}${inTrash ? "Delete for good" : "Delete"}</button>`}
      <button class="quiet" type="button" aria-label="Stop selecting" title="Stop selecting (Esc)" @click=${() => void leave(store, choosing)}>${closeIcon}</button>
    </div>
  `;
}

async function leave(store: Store, choosing: Choosing): Promise<void> {
  choosing.end(store);
  await rendered();
  focusHeading();
}
