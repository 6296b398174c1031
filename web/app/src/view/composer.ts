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
    store.create(); // Or says at the field why not.
    focusComposer();
  };
  const keydown = (event: KeyboardEvent) => {
    submitOnControlEnter(event);
    if (!(event.target instanceof HTMLInputElement)) return;
    if (event.key === "Enter" && event.repeat) event.preventDefault(); // It is held, and the form empty by now.
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

/** Leaves a second click of two without effect: the form is empty by then. */
function ignoreSecond(event: MouseEvent): void {
  if (event.detail > 1) event.preventDefault();
}
