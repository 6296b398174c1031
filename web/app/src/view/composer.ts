import { html, type TemplateResult } from "lit-html";
import { composerKey } from "../state/drafts.ts";
import type { Store } from "../state/store.ts";
import { focusComposer, moveFocus } from "./focus.ts";
import { addIcon } from "./icons.ts";
import { submitOnControlEnter, textFields } from "./text-fields.ts";

/** Shows the form for a new todo. */
export function composer(store: Store): TemplateResult {
  const { drafts } = store;
  const create = (event: SubmitEvent) => {
    event.preventDefault();
    store.composer.create(); // Shows an error at the field if the text is not valid.
    focusComposer();
  };
  const keydown = (event: KeyboardEvent) => {
    submitOnControlEnter(event);
    if (!(event.target instanceof HTMLInputElement)) return;
    if (event.key === "Enter" && event.repeat) event.preventDefault(); // The key is held, and the form already empty.
    if (event.key === "ArrowDown") {
      event.preventDefault();
      moveFocus(store.rows, 1);
    }
  };
  return html`
    <form
      class="composer ${drafts.composing ? "in-use" : ""}"
      aria-label="New todo"
      novalidate
      @submit=${create}
      @keydown=${keydown}
    >
      ${textFields({
        key: composerKey,
        draft: drafts.composer,
        drafts,
        titleHint: "What needs doing?",
        titleShortcut: "N",
      })}
      <button class="add" type="submit" aria-label="Add" title="Add" @click=${ignoreSecond}>${addIcon}</button>
    </form>
  `;
}

/** Ignores the second click of a double click: the form is already empty. */
function ignoreSecond(event: MouseEvent): void {
  if (event.detail > 1) event.preventDefault();
}
