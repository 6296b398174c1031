// The keyboard focus. It must not be lost when rows come and go.

import { composerKey } from "../state/drafts.ts";
import type { Row } from "../state/rows.ts";
import type { Store } from "../state/store.ts";
import { rendered } from "./render.ts";
import { rowInPlace } from "./row-in-place.ts";
import { wantRow } from "./row-window.ts";

/** The controls of a row, as its elements' data-part names them. */
type Part = "check" | "title" | "plan" | "delete";

/** Returns the key of the row that has the focus, if one has. */
export function focusedKey(): string | undefined {
  return focusedRow()?.dataset["key"];
}

/** Puts the focus into a row, on the same control as before if the row has it. */
export function focusRow(key: string, part = focusedPart()): void {
  enterRow(document.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"]`), part);
}

/** Puts the focus on the form for a new todo. */
export function focusComposer(): void {
  document.getElementById(`${composerKey}-title`)?.focus();
}

/** Puts the focus on the row before (-1) or after (1) the one that has it. */
export function moveFocus(rows: readonly Row[], step: -1 | 1): void {
  const at = rows.findIndex(({ key }) => key === focusedKey());
  const next = rows[at < 0 ? 0 : at + step];
  if (next) focusRow(next.key);
  else if (step < 0) focusComposer();
}

/**
 * Draws the page again. If this removes the focused element, the focus moves:
 *
 * - in a row that still exists, to the field with an error or to the title,
 * - from a row that is gone, to the same control of the row in its place,
 * - from elsewhere in the list, to the last row,
 * - otherwise, for keyboard users, to the first empty field.
 */
export function drawAround(draw: () => void): void {
  const had = document.activeElement as HTMLElement | null;
  const byKeyboard = had?.matches(":focus-visible");
  const part = focusedPart();
  const rows = rowElements();
  const at = rows.findIndex((row) => row.contains(had));
  const inList = had?.closest(".todos");
  draw();
  if (!had || had === document.body || document.activeElement === had) return;
  if (had.isConnected) return had.focus(); // A row that is moved loses the focus.

  const row = rows.slice(at).find(isThere) ?? rows.slice(0, at).findLast(isThere);
  // For pointer users nothing may move, since they see where they are.
  const options = { preventScroll: !byKeyboard };
  if (at >= 0 && row) enterRow(row, part, options);
  else if (inList?.isConnected && rowElements().length > 0) enterRow(rowElements().at(-1), part, options);
  else if (byKeyboard) firstEmptyField()?.focus();
}

/** Puts the focus on the first field of a form that has just changed. */
export async function focusForm(): Promise<void> {
  await rendered();
  firstEmptyField()?.focus();
}

/**
 * Puts the focus on a field of a row's editor: on the one at fault, if one is.
 *
 * @param caret is before which character.
 */
export async function focusEditor(key: string, field: "title" | "description" = "title", caret?: number): Promise<void> {
  await rendered();
  const row = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
  const area = row?.querySelector<HTMLTextAreaElement>("[aria-invalid=true]") ?? row?.querySelector<HTMLTextAreaElement>(`[name=${field}]`);
  if (!area) return;
  for (const each of row?.querySelectorAll("textarea") ?? []) fit(each);
  area.focus();
  const at = caret ?? area.value.length;
  area.setSelectionRange(at, at);
}

/** Makes a field as high as its text, where the browser doesn't do so by itself. */
export function fit(area: HTMLTextAreaElement): void {
  if (CSS.supports("field-sizing", "content")) return;
  area.style.height = "auto";
  area.style.height = `${area.scrollHeight}px`;
}

/** Puts the focus back on a row that was edited. */
export async function leaveEditor(key: string): Promise<void> {
  await rendered();
  focusRow(key, "title");
}

/**
 * Puts the focus on the row in the place of the first one that something was done to; where
 * the list has none, on its heading's control.
 *
 * @param before the list's rows as they were.
 */
export async function focusInPlace(store: Store, before: readonly Row[], done: readonly Row[]): Promise<void> {
  const key = rowInPlace(before, done, store.rows);
  if (key !== undefined) wantRow(key);
  await rendered();
  if (key === undefined) focusHeading();
  else focusRow(key, "title");
}

/** Puts the focus on the control of the list's heading; an empty list has none. */
export function focusHeading(): void {
  const control = document.querySelector<HTMLElement>(".select");
  if (control) control.focus();
  else focusComposer();
}

/** Runs a message's action, or undoes the last change when no message is named, and focuses the row that it is about. */
export async function act(store: Store, notice?: number): Promise<void> {
  const key = store.notices.act(notice);
  if (key === undefined) return;
  wantRow(key);
  await rendered();
  focusRow(key, "title");
}

function focusedRow(): HTMLElement | null {
  return document.activeElement?.closest<HTMLElement>("[data-key]") ?? null;
}

function focusedPart(): Part | undefined {
  return document.activeElement?.closest<HTMLElement>("[data-part]")?.dataset["part"] as Part | undefined;
}

/** Puts the focus on one of a row's controls; in its form, on the field at fault or the first. */
function enterRow(row: Element | null | undefined, part: Part = "title", options?: FocusOptions): void {
  const wanted = [`[data-part=${part}]`, "[data-part=title]", "[aria-invalid=true]", "textarea", "input"];
  for (const selector of wanted) {
    const element = row?.querySelector<HTMLElement>(selector);
    if (element) return element.focus(options);
  }
}

function rowElements(): HTMLElement[] {
  return [...document.querySelectorAll<HTMLElement>("[data-key]")];
}

function isThere(element: Element): boolean {
  return element.isConnected;
}

function firstEmptyField(): HTMLInputElement | undefined {
  return [...document.querySelectorAll<HTMLInputElement>("main form input:not([type=checkbox])")].find((input) => !input.value);
}
