import { html, nothing, type TemplateResult } from "lit-html";
import { live } from "lit-html/directives/live.js";
import type { Draft } from "../state/drafts.ts";
import { isolated } from "../state/quote.ts";
import type { Row } from "../state/rows.ts";
import type { Store } from "../state/store.ts";
import { conflictChoice } from "./conflict.ts";
import { focusEditor, leaveEditor } from "./focus.ts";
import { deleteIcon } from "./icons.ts";
import { hasLinks, isOnLink, linkedText } from "./linked-text.ts";
import type { Gap, Places } from "./places.ts";
import { submitOnControlEnter, textFields } from "./text-fields.ts";

/** Where a line stands in a list that is not drawn as a whole. */
export interface LinePlace {
  readonly position: number;
  readonly of: number;
}

/** Shows a todo, or the form to edit it. */
export function rowItem(store: Store, row: Row, places: Places, place?: LinePlace): TemplateResult {
  const draft = store.drafts.of(row.key);
  return html`
    <li
      class="row ${row.isCompleted ? "done" : ""} ${draft ? "editing" : ""} ${row.progress}"
      data-key=${row.key}
      data-line=${row.key}
      aria-posinset=${place?.position ?? nothing}
      aria-setsize=${place?.of ?? nothing}
    >
      ${draft ? editor(store, row, draft, places) : content(store, row, places)}
    </li>
  `;
}

/** Shows that a row was here. */
export function gapItem({ key, done }: Gap): TemplateResult {
  return html`<li class="row gap" data-line=${key} aria-hidden="true">${done}</li>`;
}

/** Begins to edit a row. */
export function edit(store: Store, row: Row): void {
  if (row.id === undefined || row.deletedAt !== undefined) return;
  store.drafts.open(row);
  void focusEditor(row.key);
}

function content(store: Store, row: Row, places: Places): TemplateResult {
  const stored = row.id !== undefined;
  const check = (event: MouseEvent) => {
    if (stored) places.hold(event, row.key, row.isCompleted ? "Opened" : "Completed");
    else event.preventDefault();
  };
  const remove = (event: MouseEvent) => {
    places.hold(event, row.key, "Deleted");
    store.actions.delete([row]);
  };
  return html`
    <input
      class="check"
      type="checkbox"
      data-part="check"
      aria-label=${row.title}
      aria-disabled=${stored ? nothing : "true"}
      .checked=${live(row.isCompleted)}
      @click=${check}
      @change=${() => store.actions.toggle([row])}
    />
    <div class="text">
      ${hasLinks(row.title) ? linkedTitle(store, row) : title(store, row)}
      ${row.description
        ? html`<p class="description" dir="auto" @click=${(event: MouseEvent) => isOnLink(event) || edit(store, row)}>${linkedText(row.description)}</p>`
        : nothing}
      ${progress(row)} ${conflictChoice(store, row)}
    </div>
    ${stored
      ? html`<button
          class="delete quiet"
          type="button"
          data-part="delete"
          aria-label="Delete ${isolated(row.title)}"
          title="Delete"
          @click=${remove}
        >
          ${deleteIcon}
        </button>`
      : nothing}
  `;
}

/** The title, all of which is a button to edit it. */
function title(store: Store, row: Row): TemplateResult {
  const stored = row.id !== undefined;
  return html`
    <button class="title" type="button" data-part="title" aria-disabled=${stored ? nothing : "true"} @click=${() => edit(store, row)}>
      ${stored ? html`<span class="visually-hidden">Edit </span>` : nothing}<span class="title-text" dir="auto">${row.title}</span>
    </button>
  `;
}

/** A title with links, which can't be in a button: it lies behind them, for the keyboard. */
function linkedTitle(store: Store, row: Row): TemplateResult {
  const stored = row.id !== undefined;
  const name = isolated(row.title);
  const begin = (event: MouseEvent) => isOnLink(event) || edit(store, row);
  return html`
    <div class="title">
      <button
        class="behind"
        type="button"
        data-part="title"
        aria-label=${stored ? `Edit ${name}` : name}
        aria-disabled=${stored ? nothing : "true"}
        @click=${begin}
      ></button>
      <p class="title-text" dir="auto" @click=${begin}>${linkedText(row.title)}</p>
    </div>
  `;
}

/** Says that the service doesn't know it yet, when that isn't a matter of a moment. */
function progress(row: Row): TemplateResult | typeof nothing {
  return row.progress === "waiting" ? html`<p class="progress">Not stored yet</p>` : nothing;
}

function editor(store: Store, row: Row, draft: Draft, places: Places): TemplateResult {
  const cancel = () => {
    store.editor.cancel(row);
    void leaveEditor(row.key);
  };
  const save = (event: SubmitEvent) => {
    event.preventDefault();
    if (store.editor.save(row)) void leaveEditor(row.key);
    else void focusEditor(row.key);
  };
  const keydown = (event: KeyboardEvent) => {
    if (event.key === "Escape") cancel();
    else submitOnControlEnter(event);
  };
  const hold = (event: MouseEvent) => places.hold(event, row.key);
  return html`
    <form class="editor" aria-label="Edit ${isolated(row.title)}" novalidate @submit=${save} @keydown=${keydown}>
      ${textFields({ key: row.key, draft, drafts: store.drafts, titleHint: "Title" })}
      <p class="choices" @click=${{ handleEvent: hold, capture: true }}>
        <button class="small primary" type="submit">Save</button>
        <button class="small" type="button" @click=${cancel}>Cancel</button>
      </p>
    </form>
  `;
}
