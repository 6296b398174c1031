import { html, nothing, type TemplateResult } from "lit-html";
import { composerKey } from "../state/drafts.ts";
import { dueLabel, dueText } from "../state/due-text.ts";
import type { Store } from "../state/store.ts";
import { focusComposer, moveFocus } from "./focus.ts";
import { addIcon, closeIcon, dueIcon, flagIcon, planIcon } from "./icons.ts";
import { priorityNames, type Plan } from "./plan.ts";
import { understoodText, type Readback } from "./readback.ts";
import { submitOnControlEnter, textFields } from "./text-fields.ts";

/** Shows the form for a new todo. */
export function composer(store: Store, plan: Plan, readback: Readback): TemplateResult {
  const { drafts } = store;
  const sentence = drafts.composing ? understoodText(store.composer.understood, store.now) : "";
  const create = (event: SubmitEvent) => {
    event.preventDefault();
    store.composer.create(); // Shows an error at the field if the text is not valid.
    focusComposer();
  };
  const keydown = (event: KeyboardEvent) => {
    submitOnControlEnter(event);
    if (!(event.target instanceof HTMLInputElement)) return;
    if (event.key === "Enter" && event.repeat) event.preventDefault(); // The key is held, and the form already empty.
    if (event.key === "Backspace" && takeBack(store, event.target)) event.preventDefault();
    if (event.key === "ArrowDown") {
      event.preventDefault();
      moveFocus(store.rows, 1);
    }
  };
  const paste = (event: ClipboardEvent) => {
    const isTitle = event.target instanceof HTMLInputElement;
    if (isTitle && store.composer.paste(event.clipboardData?.getData("text/plain") ?? "")) event.preventDefault();
  };
  return html`
    <div class="composer-place">
      <form
        class="composer ${drafts.composing ? "in-use" : ""}"
        aria-label="New todo"
        novalidate
        @submit=${create}
        @keydown=${keydown}
        @paste=${paste}
        @focusin=${() => store.composer.prepare()}
      >
        ${textFields({
          key: composerKey,
          draft: drafts.composer,
          drafts,
          titleHint: "Add a todo, like “Call Ana fri 9am”",
          titleShortcut: "N",
          below: drafts.composing ? understood(store, plan) : nothing,
        })}
        <p class="visually-hidden" role="status">${readback.of(`${drafts.composer.title}${drafts.composer.description}`, sentence)}</p>
        <button class="add" type="submit" aria-label="Add" title="Add" @click=${ignoreSecond}>${addIcon}</button>
      </form>
    </div>
  `;
}

/** Shows what was understood of the text, and what else the todo will have. Each can be taken away. */
function understood(store: Store, plan: Plan): TemplateResult {
  const { composer, now } = store;
  const { due, priority, tags, pieces } = composer.understood;
  const remove = (kind: "due" | "priority", otherwise: () => void) => () => {
    const found = pieces.filter((piece) => piece.kind === kind);
    if (found.length === 0) otherwise();
    for (const piece of found) composer.ignore(piece);
    focusComposer();
  };
  const removeTag = (tag: string) => () => {
    composer.removeTag(tag);
    focusComposer();
  };
  return html`
    <p class="understood">
      ${due
        ? html`<button
            class="chip"
            type="button"
            aria-label="Due ${dueText(due, now)}: remove"
            title="${dueLabel(due, now)}. Click for no due date"
            @click=${remove("due", () => composer.setDue(undefined))}
          >
            ${dueIcon}${dueText(due, now)}${closeIcon}
          </button>`
        : nothing}
      ${priority === 0
        ? nothing
        : html`<button
            class="chip ${priorityNames[priority].toLowerCase()}"
            type="button"
            aria-label="${priorityNames[priority]} priority: remove"
            @click=${remove("priority", () => composer.setPriority(0))}
          >
            ${flagIcon}${priorityNames[priority]}${closeIcon}
          </button>`}
      ${tags.map(
        (tag) => html`<button
          class="chip"
          type="button"
          aria-label="Tag ${tag}: remove"
          @click=${removeTag(tag)}
        >
          #${tag}${closeIcon}
        </button>`,
      )}
      <button class="chip plain" type="button" title="Due, priority, tags" @click=${() => plan.open([composerKey])}>
        ${planIcon}<span class=${due || priority !== 0 || tags.length > 0 ? "visually-hidden" : ""}>Due, priority, tags</span>
      </button>
    </p>
  `;
}

/** Takes what was understood right before the caret as mere text. Returns whether there was such a thing. */
function takeBack({ composer }: Store, { selectionStart, selectionEnd }: HTMLInputElement): boolean {
  if (selectionStart !== selectionEnd) return false;
  const piece = composer.understood.pieces.find(({ end }) => end === selectionStart);
  if (piece) composer.ignore(piece);
  return piece !== undefined;
}

/** Ignores the second click of a double click: the form is already empty. */
function ignoreSecond(event: MouseEvent): void {
  if (event.detail > 1) event.preventDefault();
}
