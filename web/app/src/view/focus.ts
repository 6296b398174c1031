// Where the keyboard is. Rows come and go; the focus must not go with them.

import { composerKey } from "../state/drafts.ts";
import type { Row } from "../state/pending.ts";
import type { Store } from "../state/store.ts";
import { rendered } from "./render.ts";

/** The controls of a row, as its elements' data-part names them. */
type Part = "check" | "title" | "delete";

/** Returns the key of the row that has the focus, if one has. */
export function focusedKey(): string | undefined {
  return focusedRow()?.dataset["key"];
}

/** Puts the focus into a row, on the control it was on before if there is one like it. */
export function focusRow(key: string, part: Part = focusedPart() ?? "title"): void {
  rowElement(key)?.querySelector<HTMLElement>(`[data-part=${part}]`)?.focus();
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
 * Does something after which a row may be gone. If it had the focus, the row
 * that takes its place gets it.
 */
export async function keepFocus(rows: readonly Row[], row: Row, act: () => void): Promise<void> {
  const had = focusedKey() === row.key;
  const part = focusedPart();
  act();
  await rendered();
  if (!had || rowElement(row.key)) return;
  const at = rows.findIndex(({ key }) => key === row.key);
  const heir = rows[at + 1] ?? rows[at - 1];
  if (heir) focusRow(heir.key, part ?? "title");
  else focusComposer();
}

/**
 * Draws the page anew. If that takes away what has the focus, it goes to where
 * the user can go on: in a row that has turned back into a form, because the
 * service refused it, to the field at fault; elsewhere, for who uses the
 * keyboard, to the first empty field.
 */
export function drawAround(draw: () => void): void {
  const had = document.activeElement;
  const key = focusedKey();
  const byKeyboard = had?.matches(":focus-visible");
  draw();
  if (!had || had.isConnected) return;
  if (key !== undefined) rowElement(key)?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus();
  else if (byKeyboard) [...document.querySelectorAll<HTMLInputElement>("main form input")].find((input) => !input.value)?.focus();
}

/** Puts the focus on the first field of a row's editor. */
export async function focusEditor(key: string): Promise<void> {
  await rendered();
  document.getElementById(`${key}-title`)?.focus();
}

/** Puts the focus back on a row that was edited. */
export async function leaveEditor(key: string): Promise<void> {
  await rendered();
  focusRow(key, "title");
}

/** Undoes a deletion, the last one when none is named, and goes to the row that is back. */
export async function undo(store: Store, notice?: number): Promise<void> {
  const before = new Set(store.rows.map(({ key }) => key));
  if (!store.notices.act(notice)) return;
  await rendered();
  const back = store.rows.find(({ key }) => !before.has(key));
  if (back) focusRow(back.key, "title");
}

function focusedRow(): HTMLElement | null {
  return document.activeElement?.closest<HTMLElement>("[data-key]") ?? null;
}

function focusedPart(): Part | undefined {
  return document.activeElement?.closest<HTMLElement>("[data-part]")?.dataset["part"] as Part | undefined;
}

function rowElement(key: string): HTMLElement | null {
  return document.querySelector(`[data-key="${CSS.escape(key)}"]`);
}
