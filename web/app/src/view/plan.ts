// The small editor for when todos are due, how important they are, and their tags.

import { html, nothing, type TemplateResult } from "lit-html";
import { live } from "lit-html/directives/live.js";
import { composerKey } from "../state/drafts.ts";
import { dueChoices } from "../state/due.ts";
import { dueLabel, dueText } from "../state/due-text.ts";
import { quote } from "../state/quote.ts";
import type { Row } from "../state/rows.ts";
import type { Store } from "../state/store.ts";
import { tagFault } from "./tag-fault.ts";
import { sameDue, type Due } from "../sync/due.ts";
import type { Priority } from "../sync/todo.ts";
import { focusComposer, focusRow } from "./focus.ts";
import { closeIcon, deleteIcon } from "./icons.ts";
import { rendered } from "./render.ts";
import { fault } from "./text-fields.ts";

/** The names of the priorities, by their numbers. */
export const priorityNames = ["None", "Low", "Medium", "High"] as const;

/** What of it the focus goes to first. */
export type PlanField = "due" | "priority" | "tags";

const choiceNames = { today: "Today", tomorrow: "Tomorrow", weekend: "Weekend", nextWeek: "Next week" } as const;

/** What is planned, as long as the dialog is open. What isn't touched stays as it is. */
interface Open {
  /** Keys of rows, or the composer's. */
  readonly keys: readonly string[];
  readonly due?: Due | undefined;
  readonly isDueTouched: boolean;
  /** Whether the rows differ in it. */
  readonly isDueMixed: boolean;
  /** What is written in the field for the due date. */
  readonly words: string;
  /** Undefined when they differ. */
  readonly priority: Priority | undefined;
  readonly before: Priority | undefined;
  readonly tags: readonly string[];
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly tag: string;
  readonly tagFault?: string | undefined;
}

/** The dialog in which todos are planned. */
export class Plan {
  #open: Open | undefined;
  #isCancelled = false;
  readonly #store: () => Store | undefined;
  readonly #changed: () => void;

  /** @param store returns the store, if anybody is signed in. */
  constructor(store: () => Store | undefined, changed: () => void) {
    this.#store = store;
    this.#changed = changed;
  }

  /** Opens it for rows, or for the new todo when the key is the composer's. */
  open(keys: readonly string[], field: PlanField = "due"): void {
    const store = this.#store();
    if (!store) return;
    void store.dueInput.prepare();
    const rows = rowsOf(store, keys);
    const composed = keys[0] === composerKey ? [store.composer.understood] : rows;
    if (composed.length === 0) return;
    const [first] = composed;
    const isSameDue = composed.every(({ due }) => sameDue(due, first?.due));
    const priority = composed.every((todo) => todo.priority === first?.priority) ? first?.priority : undefined;
    this.#open = {
      keys,
      due: isSameDue ? first?.due : undefined,
      isDueTouched: false,
      isDueMixed: !isSameDue,
      words: "",
      priority,
      before: priority,
      tags: first?.tags.filter((tag) => composed.every(({ tags }) => tags.includes(tag))) ?? [],
      added: [],
      removed: [],
      tag: "",
    };
    this.#changed();
    void this.#show(field);
  }

  /** Shows the dialog, closed until it is opened. */
  render(store: Store): TemplateResult {
    const open = this.#open;
    return html`
      <dialog id="plan" aria-labelledby="plan-title" @close=${this.#close} @cancel=${this.#cancel} @click=${closeOutside}>
        ${open ? this.#form(store, open) : nothing}
      </dialog>
    `;
  }

  #form(store: Store, open: Open): TemplateResult {
    const rows = rowsOf(store, open.keys);
    const [row] = rows;
    const name = open.keys[0] === composerKey ? "New todo" : rows.length === 1 && row ? quote(row.title) : `${rows.length} todos`;
    const remove = () => {
      this.#open = undefined;
      element()?.close();
      store.actions.delete(rows);
    };
    const submit = (event: SubmitEvent) => {
      event.preventDefault();
      if (open.tag.trim() !== "" && !this.#addTag()) return;
      element()?.close();
    };
    return html`
      <form class="plan" novalidate @submit=${submit}>
        <header>
          <h2 id="plan-title" tabindex="-1"><span class="visually-hidden">Plan </span>${name}</h2>
          <button class="quiet" type="submit" aria-label="Close" title="Close">${closeIcon}</button>
        </header>
        ${this.#due(store, open)} ${this.#priority(open)} ${this.#tags(store, open)}
        <footer>
          ${rows.length > 0 ? html`<button class="small danger" type="button" @click=${remove}>${deleteIcon}Delete</button>` : nothing}
          <button class="small primary" type="submit">Done</button>
        </footer>
      </form>
    `;
  }

  #due(store: Store, open: Open): TemplateResult {
    const { due, words } = open;
    const isMixed = open.isDueMixed && !open.isDueTouched;
    const set = (due: Due | undefined) => this.#set({ due, isDueTouched: true, words: "" });
    const read = (event: InputEvent) => {
      const text = (event.target as HTMLInputElement).value;
      const found = store.dueInput.parse(text, store.now);
      this.#set({ words: text, ...(found && { due: found.due, isDueTouched: true }) });
    };
    const date = (event: Event) => {
      const { value } = event.target as HTMLInputElement;
      set(value === "" ? undefined : { ...due, date: value });
    };
    const time = (event: Event) => {
      const { value } = event.target as HTMLInputElement;
      if (due) set(value === "" ? { date: due.date } : { ...due, time: value });
    };
    const isUnknown = words.trim() !== "" && store.dueInput.isReady && !store.dueInput.parse(words, store.now);
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
          ${isUnknown ? "That is no date yet." : isMixed ? "Different dates" : due ? dueLabel(due, store.now) : "No due date"}
        </p>
        <p class="choices">
          ${dueChoices(store.now).map(
            (choice) => html`<button
              class="small"
              type="button"
              aria-pressed=${sameDue(due, choice.due) ? "true" : "false"}
              title=${dueText(choice.due, store.now)}
              @click=${() => set(choice.due)}
            >
              ${choiceNames[choice.name]}
            </button>`,
          )}
          <button class="small" type="button" aria-pressed=${due || isMixed ? "false" : "true"} @click=${() => set(undefined)}>None</button>
        </p>
        <p class="exact">
          <label>Date <input type="date" .value=${live(due?.date ?? "")} @change=${date} /></label>
          <label>Time <input type="time" ?disabled=${!due} .value=${live(due?.time ?? "")} @change=${time} /></label>
        </p>
      </fieldset>
    `;
  }

  #priority(open: Open): TemplateResult {
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
                @change=${() => this.#set({ priority: i as Priority })}
              />${name}
            </label>`,
          )}
        </div>
      </fieldset>
    `;
  }

  #tags(store: Store, open: Open): TemplateResult {
    const shown = [...open.tags.filter((tag) => !open.removed.includes(tag)), ...open.added];
    const keydown = (event: KeyboardEvent) => {
      if (event.key !== "Enter" || open.tag.trim() === "" || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      this.#addTag();
    };
    return html`
      <fieldset>
        <legend>Tags</legend>
        ${shown.length === 0
          ? nothing
          : html`<p class="understood">
              ${shown.map(
                (tag) => html`<button class="chip" type="button" aria-label="Remove the tag ${tag}" @click=${() => this.#removeTag(tag)}>
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
          @input=${(event: InputEvent) => this.#set({ tag: (event.target as HTMLInputElement).value, tagFault: undefined })}
          @keydown=${keydown}
        />
        <datalist id="known-tags">${store.tags.filter(({ tag }) => !shown.includes(tag)).map(({ tag }) => html`<option value=${tag}></option>`)}</datalist>
        ${fault("plan-tags-fault", open.tagFault)}
      </fieldset>
    `;
  }

  /** Adds the tag that is written. Returns whether it is one. */
  #addTag(): boolean {
    if (!this.#open) return false;
    const { added, removed, tags } = this.#open;
    const tag = this.#open.tag.trim().replace(/^#/, "");
    const found = tagFault(tag);
    if (found !== undefined) {
      this.#set({ tagFault: found });
      return false;
    }
    const isThere = [...tags, ...added].includes(tag);
    this.#set({ tag: "", added: isThere ? added : [...added, tag], removed: removed.filter((other) => other !== tag) });
    return true;
  }

  #removeTag(tag: string): void {
    if (!this.#open) return;
    const { added, removed } = this.#open;
    if (added.includes(tag)) this.#set({ added: added.filter((other) => other !== tag) });
    else this.#set({ removed: [...removed, tag] });
    document.getElementById("plan-tags")?.focus();
  }

  #set(part: Partial<Open>): void {
    if (this.#open) this.#open = { ...this.#open, ...part };
    this.#changed();
  }

  /** Escape leaves everything as it was. */
  readonly #cancel = (): void => {
    this.#isCancelled = true;
  };

  /** Everything else that closes it keeps what was chosen. */
  readonly #close = (): void => {
    const open = this.#open;
    const store = this.#store();
    const isKept = !this.#isCancelled;
    this.#open = undefined;
    this.#isCancelled = false;
    if (!open || !store) return;
    if (isKept) apply(store, open);
    this.#changed();
    void leave(open.keys[0] ?? "");
  };

  async #show(field: PlanField): Promise<void> {
    await rendered();
    const dialog = element();
    if (!dialog || dialog.open) return;
    const row = document.querySelector(`[data-key="${CSS.escape(this.#open?.keys[0] ?? "")}"]`);
    dialog.showModal();
    placeBeside(dialog, row);
    const selectors = { due: "#plan-due", priority: "#plan-priority input:checked, #plan-priority input", tags: "#plan-tags" };
    // A phone's keyboard would cover half of the dialog.
    const isTouch = matchMedia("(pointer: coarse)").matches;
    dialog.querySelector<HTMLElement>(isTouch ? "h2" : selectors[field])?.focus();
  }
}

/** Closes the dialog by a click beside it. */
function closeOutside(event: MouseEvent): void {
  if (event.target === event.currentTarget) element()?.close();
}

/** Does what was chosen. */
function apply(store: Store, open: Open): void {
  const { due, isDueTouched, priority, before, added, removed, tag } = open;
  const written = tag.trim().replace(/^#/, "");
  const add = written !== "" && tagFault(written) === undefined ? [...added, written] : added;
  if (open.keys[0] === composerKey) {
    const { composer } = store;
    if (isDueTouched) composer.setDue(due);
    if (priority !== undefined && priority !== before) composer.setPriority(priority);
    for (const tag of add) composer.addTag(tag);
    for (const tag of removed) composer.removeTag(tag);
    return;
  }
  const rows = rowsOf(store, open.keys);
  if (rows.length === 0) return;
  if (isDueTouched && !rows.every((row) => sameDue(row.due, due))) store.actions.setDue(rows, due);
  if (priority !== undefined && priority !== before) store.actions.setPriority(rows, priority);
  if (add.length > 0) store.actions.addTags(rows, add);
  if (removed.length > 0) store.actions.removeTags(rows, removed);
}

async function leave(key: string): Promise<void> {
  await rendered();
  if (key === composerKey) focusComposer();
  else focusRow(key, "title");
}

function rowsOf(store: Store, keys: readonly string[]): readonly Row[] {
  return store.rows.filter(({ key }) => keys.includes(key));
}

/** Puts the dialog under the row that it is about, or above it, where the window has room beside it. */
function placeBeside(dialog: HTMLDialogElement, row: Element | null): void {
  dialog.style.inset = dialog.style.margin = "";
  if (!row || !matchMedia("(width >= 48rem)").matches) return;
  const { top, bottom, right } = row.getBoundingClientRect();
  const { width, height } = dialog.getBoundingClientRect();
  const y = bottom + height + 8 < innerHeight ? bottom + 4 : Math.max(8, Math.min(top - height - 4, innerHeight - height - 8));
  dialog.style.inset = `${y}px auto auto ${Math.max(8, right - width)}px`;
  dialog.style.margin = "0";
}

function element(): HTMLDialogElement | null {
  return document.getElementById("plan") as HTMLDialogElement | null;
}
