import { html, nothing, type TemplateResult } from "lit-html";
import { isolated } from "../state/quote.ts";
import type { Row } from "../state/rows.ts";
import type { Store } from "../state/store.ts";

/** Shows the user's own text beside the one that was written elsewhere meanwhile, and lets them choose. */
export function conflictChoice(store: Store, row: Row): TemplateResult | typeof nothing {
  const { conflict } = row;
  if (!conflict) return nothing;
  const { title, description } = conflict;
  return html`
    <div class="conflict" role="group" aria-label="Your text of ${isolated(row.title)}">
      <p>You wrote this while it was changed elsewhere:</p>
      <p class="title-text" dir="auto">${title}</p>
      ${description ? html`<p class="description" dir="auto">${description}</p>` : nothing}
      <p class="choices">
        <button class="small" type="button" @click=${() => store.editor.resolve(row, "mine")}>Use mine</button>
        <button class="small" type="button" @click=${() => store.editor.resolve(row, "theirs")}>Use the other</button>
        <button class="small" type="button" @click=${() => store.editor.resolve(row, "both")}>Keep both</button>
      </p>
    </div>
  `;
}
