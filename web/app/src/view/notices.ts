import { html, nothing, type TemplateResult } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import type { Notice } from "../state/notices.ts";
import type { Store } from "../state/store.ts";
import { act } from "./focus.ts";
import { awayIcon, closeIcon } from "./icons.ts";

/** How many messages that are about no error are shown at once. The others can be undone by keyboard. */
const infosShown = 3;

/** Shows the messages. Their clocks stand still while pointer or focus is on them. */
export function noticeStack(store: Store): TemplateResult {
  const { notices } = store;
  const pause = () => notices.pause();
  const resume = () => notices.resume();
  return html`
    <section
      class="notices"
      aria-label="Messages"
      @pointerenter=${pause}
      @pointerleave=${resume}
      @focusin=${pause}
      @focusout=${resume}
    >
      <div role="status" aria-atomic="false">
        ${repeat(shown(notices.all), ({ key }) => key, (notice) => item(notice))}
      </div>
    </section>
  `;

  function item({ key, text, tone, action }: Notice): TemplateResult {
    return html`
      <div class="notice ${tone}">
        <p>${text}</p>
        ${action
          ? html`<button type="button" aria-keyshortcuts=${action.undoes ? "U Control+Z" : nothing} @click=${() => act(store, key)}>
              ${action.label}
            </button>`
          : nothing}
        <button class="quiet" type="button" aria-label="Dismiss" title="Dismiss" @click=${() => notices.dismiss(key)}>
          ${closeIcon}
        </button>
      </div>
    `;
  }
}

/** Returns as many messages as leave room for the list: all about errors, and the newest of the others. */
function shown(all: readonly Notice[]): Notice[] {
  const newest = all.filter(({ tone }) => tone === "info").slice(-infosShown);
  return all.filter((notice) => notice.tone === "error" || newest.includes(notice));
}

/** Says that the service is away, and offers not to wait. */
export function awayBanner(problem: string | undefined, promise: string, retryNow: () => void): TemplateResult {
  return html`
    <div class="banner-place" role="status">
      ${problem
        ? html`<div class="banner">
            ${awayIcon}
            <p><strong>${problem}</strong> ${promise}</p>
            <button class="small" type="button" @click=${retryNow}>Try now</button>
          </div>`
        : nothing}
    </div>
  `;
}
