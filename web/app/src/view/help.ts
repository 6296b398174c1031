import { html, type TemplateResult } from "lit-html";
import type { Shortcuts } from "./shortcuts.ts";
import { closeIcon } from "./icons.ts";

const groups: readonly (readonly [title: string, keys: readonly (readonly [keys: readonly string[], what: string])[]])[] = [
  [
    "Anywhere",
    [
      [["N"], "Write a new todo"],
      [["/"], "Search"],
      [["1", "–", "5"], "Today, Upcoming, All, Done, Trash"],
      [["↓", "J"], "Go to the next todo"],
      [["↑", "K"], "Go to the one before"],
      [["U", "Ctrl+Z"], "Undo what was done last"],
      [["?"], "Show this"],
    ],
  ],
  [
    "Several todos",
    [
      [["S"], "Select the todo in focus"],
      [["Shift+↑", "Shift+↓"], "Select more"],
      [["Ctrl+A"], "Select all"],
      [["Esc"], "Select none"],
    ],
  ],
  [
    "The todo in focus",
    [
      [["X"], "Complete it, or open it again"],
      [["E", "Enter"], "Edit its text"],
      [["D"], "Set when it is due"],
      [["P"], "Set its priority"],
      [["T"], "Set its tags"],
      [["Alt+↑", "Alt+↓"], "Move it, in All"],
      [["Del"], "Delete it"],
      [["R"], "Restore it from the trash"],
    ],
  ],
  [
    "While writing",
    [
      [["Enter"], "Save a title"],
      [["Ctrl+Enter"], "Save from the details"],
      [["Esc"], "Leave a todo as it was"],
      [["⌫"], "Right after a date or a tag: take it as text"],
    ],
  ],
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
      <div class="keys">
        ${groups.map(
          ([title, keys]) => html`
            <section>
              <h3>${title}</h3>
              <dl>
                ${keys.map(
                  ([names, what]) =>
                    html`<div>
                      <dt>${names.map((name) => (name === "–" ? name : html`<kbd>${name}</kbd>`))}</dt>
                      <dd>${what}</dd>
                    </div>`,
                )}
              </dl>
            </section>
          `,
        )}
      </div>
      <label class="switch">
        <input type="checkbox" .checked=${shortcuts.letters} @change=${() => shortcuts.toggleLetters()} />
        Use shortcuts of a single letter, digit or sign
      </label>
    </dialog>
  `;
}
