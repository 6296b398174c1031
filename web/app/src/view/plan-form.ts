import { html, nothing, type TemplateResult } from "lit-html";
import { live } from "lit-html/directives/live.js";
import { dueChoices } from "../state/due.ts";
import { dueLabel, dueText } from "../state/due-text.ts";
import type { Planned } from "../state/planned.ts";
import type { Store } from "../state/store.ts";
import type { Due } from "../sync/due.ts";
import { hasTag } from "../sync/tags.ts";
import type { Priority } from "../sync/todo.ts";
import { atTime, isDay, lastDay, onDay } from "./exact-due.ts";
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
    if (isUnknown(store, open)) return document.getElementById("plan-due")?.focus();
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
function isUnknown({ dueInput, now }: Store, { words }: Planned): boolean {
  return words.trim() !== "" && dueInput.isReady && !dueInput.parse(words, now);
}

function dueFields(store: Store, plan: Plan, open: Planned): TemplateResult {
  const { due, words, retyped } = open;
  const isMixed = open.isDueMixed && !open.isDueTouched;
  const set = (due: Due | undefined) =>
    plan.set({ due, isDueTouched: true, words: "", retyped: undefined, zone: due?.time === undefined ? due && open.zone : due.zone });
  const read = (event: InputEvent) => {
    const text = (event.target as HTMLInputElement).value;
    const found = store.dueInput.parse(text, store.now);
    const due = found ? found.due : open.dueBefore;
    plan.set({ words: text, due, isDueTouched: found !== undefined, zone: due?.time === undefined ? open.zone : due.zone });
  };
  // A field that the user types into anew is empty until all of it is there.
  const date = ({ target }: Event) => {
    const { value } = target as HTMLInputElement;
    if (isDay(value)) set(onDay(due, value));
    else if (value === "") plan.set({ retyped: "date" });
  };
  const time = ({ target }: Event) => {
    const { value, validity } = target as HTMLInputElement;
    if (value === "" && validity.badInput) plan.set({ retyped: "time" });
    else if (due) set(atTime(due, value, open.zone));
  };
  const leave = ({ target }: FocusEvent) => {
    const { type, value, validity } = target as HTMLInputElement;
    if (retyped !== type) return;
    if (type === "time" && value === "" && !validity.badInput && due) set(atTime(due, "", open.zone));
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
        @input=${read}
      />
      <p class="understood-due" id="plan-due-understood" role="status">
        ${isUnknown(store, open) ? "That is no date yet." : isMixed ? "Different dates" : due ? dueLabel(due, store.now) : "No due date"}
      </p>
      <p class="choices">
        ${dueChoices(store.now).map(
          (choice) => html`<button
            class="small"
            type="button"
            aria-pressed=${due?.date === choice.due.date ? "true" : "false"}
            title=${dueText(choice.due, store.now)}
            @click=${() => set(onDay(due, choice.due.date))}
          >
            ${choiceNames[choice.name]}
          </button>`,
        )}
        <button class="small" type="button" aria-pressed=${due || isMixed ? "false" : "true"} @click=${() => set(undefined)}>None</button>
      </p>
      <p class="exact">
        <label>
          Date
          <input
            type="date"
            max=${lastDay}
            .value=${live(retyped === "date" ? "" : (due?.date ?? ""))}
            @change=${date}
            @blur=${leave}
          />
        </label>
        <label>
          Time
          <input
            type="time"
            ?disabled=${!due}
            .value=${live(retyped === "time" ? "" : (due?.time ?? ""))}
            @change=${time}
            @blur=${leave}
          />
        </label>
      </p>
    </fieldset>
  `;
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
