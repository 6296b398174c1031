import { html, nothing, type TemplateResult } from "lit-html";
import { live } from "lit-html/directives/live.js";
import type { Now } from "../state/clock.ts";
import { dueChoices, onDay } from "../state/due.ts";
import { dueLabel, dueText } from "../state/due-text.ts";
import { isUnread, shownDue, type Planned, type ShownDue } from "../state/planned.ts";
import type { Store } from "../state/store.ts";
import { hasTag } from "../sync/tags.ts";
import type { Priority } from "../sync/todo.ts";
import { atTime, isDay, lastDay } from "./exact-due.ts";
import { closeIcon, deleteIcon } from "./icons.ts";
import { priorityNames, type Plan } from "./plan.ts";
import { fault } from "./text-fields.ts";

const choiceNames = { today: "Today", tomorrow: "Tomorrow", weekend: "Weekend", nextWeek: "Next week" } as const;

/** The dialog to plan todos; closed until Plan opens it. */
export function planDialog(store: Store, plan: Plan): TemplateResult {
  const open = plan.planned;
  return html`
    <dialog
      id="plan"
      aria-labelledby="plan-title"
      @close=${plan.closed}
      @cancel=${plan.cancel}
      @pointerdown=${pressOutside}
      @click=${(event: MouseEvent) => isOutside(event) && plan.close()}
    >
      ${open ? form(store, plan, open) : nothing}
    </dialog>
  `;
}

function form(store: Store, plan: Plan, open: Planned): TemplateResult {
  const rows = store.rowsOf(open.keys);
  const remove = () => {
    plan.drop();
    store.actions.delete(rows);
  };
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    if (isNoDate(store, open)) return document.getElementById("plan-due")?.focus();
    if (open.tag.trim() !== "" && !plan.addTag()) return;
    plan.close();
  };
  return html`
    <form class="plan" novalidate @submit=${submit}>
      <header>
        <h2 id="plan-title" tabindex="-1"><span class="visually-hidden">Plan </span>${open.name}</h2>
        <button class="quiet" type="button" aria-label="Close" title="Close" @click=${() => plan.close()}>${closeIcon}</button>
      </header>
      ${dueFields(store, plan, open)} ${priorityField(plan, open)} ${tagsField(store, plan, open)}
      <footer>
        ${rows.length > 0 ? html`<button class="small danger" type="button" @click=${remove}>${deleteIcon}Delete</button>` : nothing}
        <button class="small primary" type="submit">Done</button>
      </footer>
    </form>
  `;
}

/** Returns whether words were written for the due date that say none. */
function isNoDate(store: Store, open: Planned): boolean {
  return store.dueInput.isReady && isUnread(store, open);
}

function dueFields(store: Store, plan: Plan, open: Planned): TemplateResult {
  const { now } = store;
  const { words, retyped } = open;
  const shown = shownDue(store, open);
  const { due, day, isMixed, zone } = shown;
  const setTime = (time: string) => {
    if (due) plan.changeDue(() => atTime(due, time, zone));
    else if (day !== undefined && time !== "") plan.changeDue(() => ({ date: day, time }));
  };
  // A field that the user types into anew is empty until all of it is there.
  const date = ({ target }: Event) => {
    const { value } = target as HTMLInputElement;
    if (isDay(value)) plan.changeDue(due ? () => ({ ...due, date: value }) : (each) => onDay(each, value, now));
    else if (value === "") plan.set({ retyped: "date" });
  };
  const time = ({ target }: Event) => {
    const { value, validity } = target as HTMLInputElement;
    if (value === "" && validity.badInput) plan.set({ retyped: "time" });
    else setTime(value);
  };
  const leave = ({ target }: FocusEvent) => {
    const { type, value, validity } = target as HTMLInputElement;
    if (retyped !== type) return;
    if (type === "time" && value === "" && !validity.badInput && due) setTime("");
    else plan.set({ retyped: undefined });
  };
  return html`
    <fieldset>
      <legend>Due</legend>
      <label class="visually-hidden" for="plan-due">Due, in words</label>
      <input
        id="plan-due"
        type="text"
        autocomplete="off"
        placeholder="tomorrow 9am, fri, 1 dec"
        aria-describedby="plan-due-understood"
        .value=${live(words)}
        @input=${(event: InputEvent) => plan.set({ words: (event.target as HTMLInputElement).value })}
      />
      <p class="understood-due" id="plan-due-understood" role="status">
        ${isNoDate(store, open) ? "That is no date yet." : shownText(shown, now)}
      </p>
      <p class="choices">
        ${dueChoices(now).map(
          (choice) => html`<button
            class="small"
            type="button"
            aria-pressed=${day === choice.due.date ? "true" : "false"}
            title=${dueText(choice.due, now)}
            @click=${() => plan.changeDue((each) => onDay(each, choice.due.date, now))}
          >
            ${choiceNames[choice.name]}
          </button>`,
        )}
        <button class="small" type="button" aria-pressed=${due || isMixed ? "false" : "true"} @click=${() => plan.changeDue(() => undefined)}>None</button>
      </p>
      <p class="exact">
        <label>
          Date
          <input
            type="date"
            max=${lastDay}
            .value=${live(retyped === "date" ? "" : (due?.date ?? day ?? ""))}
            @change=${date}
            @blur=${leave}
          />
        </label>
        <label>
          Time
          <input
            type="time"
            ?disabled=${day === undefined}
            .value=${live(retyped === "time" ? "" : (due?.time ?? ""))}
            @change=${time}
            @blur=${leave}
          />
        </label>
      </p>
    </fieldset>
  `;
}

function shownText({ due, day, isMixed }: ShownDue, now: Now): string {
  if (isMixed) return day === undefined ? "Different dates" : `${dueLabel({ date: day }, now)} at different times`;
  return due ? dueLabel(due, now) : "No due date";
}

function priorityField(plan: Plan, open: Planned): TemplateResult {
  return html`
    <fieldset id="plan-priority">
      <legend>Priority</legend>
      <div class="segments">
        ${priorityNames.map(
          (name, i) => html`<label class="segment ${name.toLowerCase()}">
            <input
              type="radio"
              name="priority"
              .checked=${live(open.priority === i)}
              @change=${() => plan.set({ priority: i as Priority })}
            />${name}
          </label>`,
        )}
      </div>
    </fieldset>
  `;
}

function tagsField(store: Store, plan: Plan, open: Planned): TemplateResult {
  const shown = [...open.tags.filter((tag) => !open.removed.includes(tag)), ...open.added];
  const keydown = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || open.tag.trim() === "" || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    plan.addTag();
  };
  return html`
    <fieldset>
      <legend>Tags</legend>
      ${shown.length === 0
        ? nothing
        : html`<p class="understood">
            ${shown.map(
              (tag) => html`<button class="chip" type="button" aria-label="Remove the tag ${tag}" @click=${() => plan.removeTag(tag)}>
                #${tag}${closeIcon}
              </button>`,
            )}
          </p>`}
      <label class="visually-hidden" for="plan-tags">Add a tag</label>
      <input
        id="plan-tags"
        type="text"
        autocomplete="off"
        autocapitalize="none"
        placeholder="Add a tag"
        list="known-tags"
        aria-invalid=${open.tagFault ? "true" : nothing}
        aria-describedby=${open.tagFault ? "plan-tags-fault" : nothing}
        .value=${live(open.tag)}
        @input=${(event: InputEvent) => plan.set({ tag: (event.target as HTMLInputElement).value, tagFault: undefined })}
        @keydown=${keydown}
      />
      <datalist id="known-tags">${store.tags.filter(({ tag }) => !hasTag(shown, tag)).map(({ tag }) => html`<option value=${tag}></option>`)}</datalist>
      ${fault("plan-tags-fault", open.tagFault)}
    </fieldset>
  `;
}

/** Notes whether a press begins beside the dialog: one that selects text may only end there. */
function pressOutside({ target, currentTarget }: PointerEvent): void {
  (currentTarget as HTMLElement).toggleAttribute("data-outside", target === currentTarget);
}

/** Returns whether a click was beside the dialog. */
function isOutside({ target, currentTarget }: MouseEvent): boolean {
  return target === currentTarget && (currentTarget as HTMLElement).hasAttribute("data-outside");
}
