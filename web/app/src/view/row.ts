import { html, nothing, type TemplateResult } from "lit-html";
import { live } from "lit-html/directives/live.js";
import { dueState, timeOf } from "../state/due.ts";
import { dueLabel, dueText, timeText } from "../state/due-text.ts";
import { tagFilter, hashOf } from "../state/filter.ts";
import { isolated } from "../state/quote.ts";
import type { Row } from "../state/rows.ts";
import type { Section } from "../state/sections.ts";
import type { Store } from "../state/store.ts";
import type { Choosing } from "./choosing.ts";
import { conflictChoice } from "./conflict.ts";
import { edit, editor } from "./editor.ts";
import { deleteIcon, dueIcon, flagIcon, planIcon } from "./icons.ts";
import { hasLinks, isOnLink, linkedText, markedText } from "./linked-text.ts";
import type { Gap, Places } from "./places.ts";
import { priorityNames, type Plan } from "./plan.ts";

/** Where a line stands in a list that is not drawn as a whole. */
export interface LinePlace {
  readonly position: number;
  readonly of: number;
}

/** What a row needs besides itself. */
export interface RowContext {
  readonly store: Store;
  readonly places: Places;
  readonly plan: Plan;
  readonly choosing: Choosing;
}

/** Shows a todo, or the fields to edit it. */
export function rowItem(context: RowContext, row: Row, section: Section, place?: LinePlace): TemplateResult {
  const { store } = context;
  const draft = store.drafts.of(row.key);
  const classes = [
    row.isCompleted && "done",
    draft && "editing",
    store.selection.has(row.key) && "selected",
    row.progress,
  ].filter(Boolean);
  return html`
    <li
      class="row ${classes.join(" ")}"
      data-key=${row.key}
      data-line=${row.key}
      data-section=${section.key}
      aria-posinset=${place?.position ?? nothing}
      aria-setsize=${place?.of ?? nothing}
    >
      ${store.canMove && !row.isCompleted && row.id !== undefined && !draft
        ? html`<span class="grip" aria-hidden="true" title="Drag to move"></span>`
        : nothing}
      ${checkbox(context, row)}
      ${draft ? editor(store, row, draft, context, meta(context, row, section)) : content(context, row, section)}
    </li>
  `;
}

/** Shows what became of a row. */
export function gapItem({ key, of, done, title }: Gap): TemplateResult {
  return title === undefined
    ? html`<li class="row gap plain" data-line=${key} data-gap=${of} aria-hidden="true">${done}</li>`
    : html`<li class="row gap" data-line=${key} data-gap=${of} aria-hidden="true">
        <span class="tick"></span>
        <span class="text title-text" dir="auto"><span class="struck">${title}</span></span>
      </li>`;
}

/** Completes a todo, or opens it again. */
export function complete({ store, places }: Pick<RowContext, "store" | "places">, row: Row, event?: MouseEvent): void {
  if (row.isCompleted) places.hold(event, row.key, "Opened");
  else places.hold(event, row.key, "Completed", row.title);
  store.actions.toggle([row]);
}

function checkbox(context: RowContext, row: Row): TemplateResult | typeof nothing {
  const { store, choosing } = context;
  const stored = row.id !== undefined;
  if (choosing.isOn(store)) {
    return html`
      <input
        class="check choose"
        type="checkbox"
        data-part="check"
        aria-label="Select ${isolated(row.title)}"
        .checked=${live(store.selection.has(row.key))}
        @click=${(event: MouseEvent) => choosing.check(store, row, event)}
      />
    `;
  }
  const check = (event: MouseEvent) => {
    // The second click of a double click is on a row that is on its way.
    if (stored && event.detail < 2) complete(context, row, event);
    else event.preventDefault();
  };
  return html`
    <input
      class="check ${priorityNames[row.priority].toLowerCase()}"
      type="checkbox"
      data-part="check"
      aria-label=${row.title}
      aria-disabled=${stored ? nothing : "true"}
      .checked=${live(row.isCompleted)}
      @click=${check}
    />
  `;
}

function content(context: RowContext, row: Row, section: Section): TemplateResult {
  const { store, places, plan, choosing } = context;
  const remove = (event: MouseEvent) => {
    places.hold(event, row.key, "Deleted");
    store.actions.delete([row]);
  };
  const name = isolated(row.title);
  const open = (event: MouseEvent) => isOnLink(event) || choosing.click(store, row, event) || edit(store, row, event);
  const details = hasLinks(row.description) ? linkedText(row.description) : markedText(row.description, store.search);
  return html`
    <div class="text">
      ${hasLinks(row.title) ? linkedTitle(row, open) : title(row, open, store.search)}
      ${row.description ? html`<p class="description" dir="auto" @click=${open}>${details}</p>` : nothing}
      ${meta(context, row, section)} ${progress(row)} ${conflictChoice(store, row)}
    </div>
    ${row.id === undefined || choosing.isOn(store)
      ? nothing
      : html`<div class="acts">
          <button class="plan quiet" type="button" data-part="plan" aria-label="Plan ${name}" title="Due, priority, tags (D)" @click=${() => plan.open([row.key])}>
            ${planIcon}
          </button>
          <button class="delete quiet" type="button" data-part="delete" aria-label="Delete ${name}" title="Delete" @click=${remove}>
            ${deleteIcon}
          </button>
        </div>`}
  `;
}

/** The title, all of which is a button to edit it. */
function title(row: Row, open: (event: MouseEvent) => unknown, search: string): TemplateResult {
  const stored = row.id !== undefined;
  return html`
    <button class="title" type="button" data-part="title" aria-disabled=${stored ? nothing : "true"} @click=${open}>
      ${stored ? html`<span class="visually-hidden">Edit </span>` : nothing}<span class="title-text" dir="auto">${markedText(row.title, search)}</span>
    </button>
  `;
}

/** A title with links, which can't be in a button: it lies behind them, for the keyboard. */
function linkedTitle(row: Row, open: (event: MouseEvent) => unknown): TemplateResult {
  const stored = row.id !== undefined;
  const name = isolated(row.title);
  return html`
    <div class="title">
      <button
        class="behind"
        type="button"
        data-part="title"
        aria-label=${stored ? `Edit ${name}` : name}
        aria-disabled=${stored ? nothing : "true"}
        @click=${open}
      ></button>
      <p class="title-text" dir="auto" @click=${open}>${linkedText(row.title)}</p>
    </div>
  `;
}

/** When it is due, how important it is, its tags; a click opens them. */
function meta({ store, plan, choosing }: RowContext, row: Row, section: Section): TemplateResult | typeof nothing {
  const { priority, tags } = row;
  const due = dueChip(store, row, section);
  if (due === nothing && priority === 0 && tags.length === 0) return nothing;
  const open = (event: MouseEvent) => isOnLink(event) || choosing.click(store, row, event) || (row.id !== undefined && plan.open([row.key]));
  return html`
    <p class="meta" @click=${open}>
      ${due}
      ${priority === 0
        ? nothing
        : html`<span class=${priorityNames[priority].toLowerCase()}>${flagIcon}${priorityNames[priority]}<span class="visually-hidden"> priority</span></span>`}
      ${tags.map((tag) => html`<a href=${hashOf(tagFilter(tag))} dir="auto" @click=${() => store.searchFor("")}>#${tag}</a>`)}
    </p>
  `;
}

/** Says when it is due; under the heading of its day, only the time. */
function dueChip({ now }: Store, { due, isCompleted }: Row, { kind }: Section): TemplateResult | typeof nothing {
  if (!due) return nothing;
  const state = isCompleted ? "later" : dueState(due, now);
  const time = timeOf(due, now);
  if (kind === "day" && time === undefined) return nothing;
  return html`<span class=${state} title=${dueLabel(due, now)}>
    ${dueIcon}<span class="visually-hidden">${state === "overdue" ? "Overdue: " : "Due "}</span>${kind === "day" && time !== undefined
      ? timeText(time)
      : dueText(due, now)}
  </span>`;
}

/** Says that the service doesn't know it yet, when that isn't a matter of a moment. */
function progress(row: Row): TemplateResult | typeof nothing {
  return row.progress === "waiting" ? html`<p class="progress">Not stored yet</p>` : nothing;
}
