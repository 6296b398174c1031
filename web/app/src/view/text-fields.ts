import { html, nothing, type TemplateResult } from "lit-html";
import { live } from "lit-html/directives/live.js";
import type { Draft, Drafts } from "../state/drafts.ts";

/** How a form of text fields is shown. */
export interface TextFieldsOptions {
  /** Makes the elements' ids unique, and names the draft. */
  readonly key: string;
  readonly draft: Draft;
  readonly drafts: Drafts;
  readonly titleHint: string;
  readonly titleShortcut?: string;
  /** What stands below the fields. */
  readonly below?: TemplateResult | typeof nothing;
}

/** Shows a draft's fields, each with what is wrong with it. */
export function textFields({ key, draft, drafts, titleHint, titleShortcut, below = nothing }: TextFieldsOptions): TemplateResult {
  const { faults } = draft;
  return html`
    <div class="fields">
      <label class="visually-hidden" for="${key}-title">Title</label>
      <input
        class="title-field"
        id="${key}-title"
        name="title"
        type="text"
        dir="auto"
        autocomplete="off"
        enterkeyhint="done"
        placeholder=${titleHint}
        aria-keyshortcuts=${titleShortcut ?? nothing}
        aria-invalid=${faults["title"] ? "true" : nothing}
        aria-describedby=${faults["title"] ? `${key}-title-fault` : nothing}
        .value=${live(draft.title)}
        @input=${(event: InputEvent) => drafts.type(key, "title", (event.target as HTMLInputElement).value)}
      />
      ${fault(`${key}-title-fault`, faults["title"])}
      <label class="visually-hidden" for="${key}-description">Details</label>
      <textarea
        class="description-field"
        id="${key}-description"
        name="description"
        rows="1"
        dir="auto"
        placeholder="Details"
        aria-keyshortcuts="Control+Enter"
        aria-invalid=${faults["description"] ? "true" : nothing}
        aria-describedby=${faults["description"] ? `${key}-description-fault` : nothing}
        .value=${live(draft.description)}
        @input=${(event: InputEvent) => drafts.type(key, "description", (event.target as HTMLTextAreaElement).value)}
      ></textarea>
      ${fault(`${key}-description-fault`, faults["description"])} ${fault(`${key}-fault`, faults[""])} ${below}
    </div>
  `;
}

/** Shows what is wrong. It is read out when it appears. */
export function fault(id: string, text: string | undefined): TemplateResult | typeof nothing {
  return text ? html`<p class="fault" id=${id} role="alert">${text}</p>` : nothing;
}

/** Sends a form at Ctrl+Enter or ⌘+Enter, wherever in it the focus is. */
export function submitOnControlEnter(event: KeyboardEvent): void {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    if (!event.repeat) (event.currentTarget as HTMLFormElement).requestSubmit();
  }
}
