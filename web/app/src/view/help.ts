import { html, type TemplateResult } from "lit-html";
import type { Shortcuts } from "./shortcuts.ts";
import { closeIcon } from "./icons.ts";

const keys: readonly (readonly [keys: readonly string[], what: string])[] = [
  [["N"], "Write a new todo"],
  [["1", "2", "3", "4"], "Show all, open, done, trash"],
  [["↓", "J"], "Go to the next todo"],
  [["↑", "K"], "Go to the one before"],
  [["E"], "Edit the todo in focus"],
  [["X"], "Complete it, or open it again"],
  [["Del"], "Delete it"],
  [["R"], "Restore it from the trash"],
  [["U", "Ctrl+Z"], "Undo the last deletion or completion"],
  [["Enter"], "Save a title"],
  [["Ctrl+Enter"], "Save from the details"],
  [["Esc"], "Stop editing"],
  [["?"], "Show this"],
];

/** Shows the shortcuts in a dialog, and opens it. */
export function openHelp(): void {
  (document.getElementById("help") as HTMLDialogElement | null)?.showModal();
}

/** The dialog that says which shortcuts there are; closed until openHelp. */
export function helpDialog(shortcuts: Shortcuts): TemplateResult {
  return html`
    <dialog id="help" aria-labelledby="help-title" closedby="any">
      <form method="dialog">
        <h2 id="help-title">Keyboard shortcuts</h2>
        <button class="quiet" aria-label="Close" title="Close">${closeIcon}</button>
      </form>
      <dl>
        ${keys.map(
          ([names, what]) =>
            html`<div>
              <dt>${names.map((name) => html`<kbd>${name}</kbd>`)}</dt>
              <dd>${what}</dd>
            </div>`,
        )}
      </dl>
      <label class="switch">
        <input type="checkbox" .checked=${shortcuts.letters} @change=${() => shortcuts.toggleLetters()} />
        Use shortcuts of a single letter, digit or sign
      </label>
    </dialog>
  `;
}
