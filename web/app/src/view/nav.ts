// The way around: lists, tags, search, and what belongs to the account.

import { html, nothing, type TemplateResult } from "lit-html";
import { live } from "lit-html/directives/live.js";
import type { User } from "../api/account.ts";
import { hashOf, tagOf, type Filter } from "../state/filter.ts";
import type { Session } from "../state/session.ts";
import type { Store } from "../state/store.ts";
import type { Choosing } from "./choosing.ts";
import { openHelp } from "./help.ts";
import { allIcon, deleteIcon, doneIcon, keyboardIcon, menuIcon, searchIcon, selectIcon, tagIcon, todayIcon, upcomingIcon } from "./icons.ts";

interface List {
  readonly filter: Filter;
  readonly name: string;
  readonly icon: TemplateResult;
}

const lists: readonly List[] = [
  { filter: "today", name: "Today", icon: todayIcon },
  { filter: "upcoming", name: "Upcoming", icon: upcomingIcon },
  { filter: "all", name: "All", icon: allIcon },
  { filter: "done", name: "Done", icon: doneIcon },
];

const trash: List = { filter: "trash", name: "Trash", icon: deleteIcon };

/** Returns the list that a digit stands for, if any. */
export function listOfDigit(digit: string): Filter | undefined {
  return [...lists, trash][Number(digit) - 1]?.filter;
}

/** Shows the lists, and what else leads somewhere. */
export function sideBar(session: Session, store: Store, user: User): TemplateResult {
  const { counts, tags } = store;
  const countOf = (filter: Filter) =>
    filter === "today" ? counts.today : filter === "upcoming" ? counts.upcoming : filter === "all" ? counts.all : 0;
  return html`
    <header class="side">
      <p class="brand"><img src="/favicon.svg" alt="" width="26" height="26" />Todo</p>
      ${searchField(store)}
      <nav class="lists" aria-label="Lists">
        ${lists.map((list, i) => listLink(store, list, String(i + 1), countOf(list.filter)))}
      </nav>
      <button class="menu quiet" type="button" popovertarget="more" aria-label="More lists, and your account">${menuIcon}</button>
      <div class="more" id="more" popover @click=${closeMore}>
        <nav aria-label="More lists">
          ${store.hasTrash ? listLink(store, trash, "5", 0) : nothing}
          ${tags.length === 0 ? nothing : html`<h2>Tags</h2>`}
          ${tags.map(({ tag, filter, count }) => listLink(store, { filter, name: tag, icon: tagIcon }, undefined, count))}
        </nav>
        <div class="account">
          <span class="user" dir="auto" title=${user.email}>${user.name}</span>
          <button class="quiet" type="button" aria-label="Keyboard shortcuts" title="Keyboard shortcuts (?)" @click=${openHelp}>
            ${keyboardIcon}
          </button>
          <button class="small" type="button" aria-disabled=${session.busy ? "true" : nothing} @click=${() => session.signOut()}>
            Sign out
          </button>
        </div>
      </div>
    </header>
  `;
}

/** Shows which list it is, and what can be done with it. */
export function listHeading(store: Store, choosing: Choosing): TemplateResult {
  const { filter, search, now } = store;
  const isSearch = search !== "";
  const name = isSearch ? (filter === "trash" ? "Search in the trash" : "Search") : nameOf(filter, store);
  const today = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long", timeZone: now.zone });
  const canChoose = store.rows.length > 0;
  return html`
    <div class="top">
      <h1 dir="auto">${name}</h1>
      <p class="sub">${filter === "today" && !isSearch ? today.format(now.instant) : nothing}</p>
      ${canChoose
        ? html`<button
            class="select quiet"
            type="button"
            aria-label="Select several"
            aria-pressed=${choosing.isOn(store) ? "true" : "false"}
            title="Select several (S)"
            @click=${() => choosing.end(store) || choosing.begin()}
          >
            ${selectIcon}
          </button>`
        : nothing}
    </div>
  `;
}

/** Puts the focus on the search. */
export function focusSearch(): void {
  const field = document.querySelector<HTMLInputElement>("#search");
  field?.focus();
  field?.select();
}

function nameOf(filter: Filter, { tags }: Store): string {
  const tag = tagOf(filter);
  if (tag !== undefined) return `#${tags.find((other) => other.filter === filter)?.tag ?? tag}`;
  return [...lists, trash].find((list) => list.filter === filter)?.name ?? "";
}

function listLink(store: Store, { filter, name, icon }: List, digit: string | undefined, count: number): TemplateResult {
  const isShown = store.filter === filter && store.search === "";
  return html`
    <a
      href=${hashOf(filter)}
      aria-current=${isShown ? "page" : nothing}
      aria-keyshortcuts=${digit ?? nothing}
      @click=${() => store.searchFor("")}
    >
      ${icon}<span class="name" dir="auto">${name}</span>${count > 0 ? html`<span class="count" aria-hidden="true">${count}</span>` : nothing}
    </a>
  `;
}

function searchField(store: Store): TemplateResult {
  return html`
    <search class="search">
      <label class="visually-hidden" for="search">Search</label>
      ${searchIcon}
      <input
        id="search"
        type="search"
        autocomplete="off"
        enterkeyhint="search"
        placeholder="Search"
        aria-keyshortcuts="/"
        .value=${live(store.search)}
        @input=${(event: InputEvent) => store.searchFor((event.target as HTMLInputElement).value)}
      />
      <kbd aria-hidden="true">/</kbd>
    </search>
  `;
}

/** Closes the menu, where it is one, after one of its links or buttons was used. */
function closeMore({ target, currentTarget }: Event): void {
  const menu = currentTarget as HTMLElement;
  if ((target as Element).closest("a, button") && menu.matches(":popover-open")) menu.hidePopover();
}
