// Editing in place: the fields have the text where the row has it.

import { html, nothing, type TemplateResult } from "lit-html";
import { live } from "lit-html/directives/live.js";
import type { Draft } from "../state/drafts.ts";
import { isolated } from "../state/quote.ts";
import type { Row } from "../state/rows.ts";
import type { Store } from "../state/store.ts";
import { fit, focusEditor, leaveEditor } from "./focus.ts";
import { planIcon } from "./icons.ts";
import type { Places } from "./places.ts";
import type { Plan } from "./plan.ts";
import { fault, submitOnControlEnter } from "./text-fields.ts";

/** Begins to edit a row, at the place in its text that was clicked on, or at its end. */
export function edit(store: Store, row: Row, event?: MouseEvent): void {
  if (row.id === undefined || row.deletedAt !== undefined) return;
  const field = event && (event.target as Element).closest(".description") ? "description" : "title";
  const caret = event && event.detail > 0 ? caretAt(event) : undefined;
  store.drafts.open(row);
  void focusEditor(row.key, field, caret);
}

/** What an editor needs besides its row. */
export interface EditorParts {
  readonly places: Places;
  readonly plan: Plan;
}

/**
 * Shows the fields of a row that is being edited.
 *
 * @param meta is what the row shows below its texts.
 */
export function editor(store: Store, row: Row, draft: Draft, { places, plan }: EditorParts, meta: TemplateResult | typeof nothing): TemplateResult {
  const { key } = row;
  const save = () => {
    if (store.editor.save(row)) void leaveEditor(key);
    else void focusEditor(key);
  };
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    save();
  };
  const keydown = (event: KeyboardEvent) => {
    const inTitle = event.target instanceof HTMLTextAreaElement && event.target.name === "title";
    if (event.key === "Escape") {
      store.editor.cancel(row);
      void leaveEditor(key);
    } else if (event.key === "Enter" && inTitle && !event.ctrlKey && !event.metaKey) {
      event.preventDefault(); // A title is one paragraph.
      if (!event.repeat) save();
    } else submitOnControlEnter(event);
  };
  const leave = (event: FocusEvent) => {
    const form = event.currentTarget as HTMLElement;
    if (form.contains(event.relatedTarget as Node | null)) return;
    // Not when the row itself goes, or another window comes to the front.
    places.closeEditor(key, () => {
      if (form.isConnected && document.hasFocus() && !form.contains(document.activeElement) && store.drafts.of(key)) store.editor.save(row);
    });
  };
  const openPlan = () => {
    if (store.editor.save(row)) plan.open([key]);
  };
  return html`
    <form class="editor text" aria-label="Edit ${isolated(row.title)}" novalidate @submit=${submit} @keydown=${keydown} @focusout=${leave}>
      ${field(store, key, draft, "title", "Title", "Title")} ${field(store, key, draft, "description", "Details", "Details")}
      ${meta} ${fault(`${key}-fault`, draft.faults[""])}
      ${row.id === undefined
        ? html`<p class="tools"><button class="small primary" type="submit">Save</button>
            <button class="small" type="button" @click=${() => store.editor.cancel(row)}>Discard</button></p>`
        : html`<p class="tools">
            <button class="small" type="button" @click=${openPlan}>${planIcon}Due, priority, tags</button>
          </p>`}
    </form>
  `;
}

function field(store: Store, key: string, draft: Draft, name: "title" | "description", label: string, hint: string): TemplateResult {
  const found = draft.faults[name];
  const type = ({ target }: InputEvent) => {
    const area = target as HTMLTextAreaElement;
    if (name === "title" && area.value.includes("\n")) area.value = area.value.replace(/\s*\n\s*/g, " ");
    store.drafts.type(key, name, area.value);
    fit(area);
  };
  return html`
    <label class="visually-hidden" for="${key}-${name}">${label}</label>
    <textarea
      class="${name} ${name}-field"
      id="${key}-${name}"
      name=${name}
      rows="1"
      dir="auto"
      autocomplete="off"
      enterkeyhint=${name === "title" ? "done" : "enter"}
      placeholder=${hint}
      aria-keyshortcuts=${name === "title" ? "Enter" : "Control+Enter"}
      aria-invalid=${found ? "true" : nothing}
      aria-describedby=${found ? `${key}-${name}-fault` : nothing}
      .value=${live(draft[name])}
      @input=${type}
    ></textarea>
    ${fault(`${key}-${name}-fault`, found)}
  `;
}

/** Returns which character of a text was clicked on. */
function caretAt({ clientX, clientY, target }: MouseEvent): number | undefined {
  const text = (target as Element).closest(".title, .description")?.querySelector(".title-text") ?? (target as Element).closest(".description");
  const position = document.caretPositionFromPoint?.(clientX, clientY);
  if (!text || !position || !text.contains(position.offsetNode)) return undefined;
  const range = document.createRange();
  range.selectNodeContents(text);
  range.setEnd(position.offsetNode, position.offset);
  return range.toString().length;
}
