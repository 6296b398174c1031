import { failureOfResult, type Faults } from "../api/failure.ts";
import { newId } from "../api/ids.ts";
import { patched, type Patch } from "../sync/operation.ts";
import type { Entry } from "../sync/outbox.ts";
import { noDetails, type Details, type Text } from "../sync/todo.ts";
import type { Todos } from "../sync/todos.ts";
import { composerKey, type Draft, type Drafts } from "./drafts.ts";
import { quote } from "./quote.ts";
import { rowOf } from "./rows.ts";

/** The row of a text that is no todo. */
const noTodo = { ...noDetails, etag: "", isCompleted: false, position: "", progress: "refused" } as const;

const deletedFault: Faults = { "": "This was deleted elsewhere. Add it again?" };

/** Gives the texts that the service has refused back to the user, in drafts. */
export class ReturnedTexts {
  readonly #todos: () => Todos;
  readonly #drafts: Drafts;
  /** The refused entries of the outbox whose texts are in drafts, by the drafts' keys. */
  readonly #returned = new Map<string, string>();

  constructor(todos: () => Todos, drafts: Drafts) {
    this.#todos = todos;
    this.#drafts = drafts;
    // Some drafts are from before the page was loaded again.
    for (const [key, { draft }] of drafts.all) if (draft.entry !== undefined) this.#returned.set(key, draft.entry);
  }

  /** Gives the text of a refused entry back. Returns what to tell the user besides, if anything. */
  take({ key, title, operation, refusal = { code: "", message: "" } }: Entry): string | undefined {
    if ([...this.#returned.values()].includes(key)) return undefined;
    const failure = failureOfResult(refusal.code, refusal.message);
    const isOurs = refusal.code === "not_stored";
    const faults: Faults = failure.kind === "invalid" ? failure.fields : { "": isOurs ? refusal.message : failure.message };
    if (operation.kind === "create") {
      this.#giveBack(operation, faults, key);
      return undefined;
    }
    if (operation.kind === "update" && hasText(operation.patch)) {
      if (refusal.code === "aborted") return `${quote(title)} was changed elsewhere, too. Choose a text.`;
      if (refusal.code === "not_found") this.#giveBackDeleted(operation.id, operation.patch, key);
      else this.#editAgain(operation.id, operation.patch, faults, key);
      return undefined;
    }
    const done = operation.kind === "update" ? "changed" : operation.kind === "undelete" ? "restored" : "deleted";
    return `${quote(title)} was not ${done}. ${isOurs ? refusal.message : failure.message}`;
  }

  /** Opens the editor of a todo with a refused text. */
  #editAgain(id: string, patch: Patch, faults: Faults, entry: string): void {
    const todo = this.#todos().find(id);
    if (!todo || !this.isThere(id)) return this.#giveBackDeleted(id, patch, entry);
    const row = rowOf(todo, false);
    const { title = row.title, description = row.description } = { ...patch, ...this.#drafts.of(id) };
    this.#drafts.edit(row, { title, description, faults, entry });
    this.#returned.set(id, entry);
  }

  /** Gives the text of a todo back that was deleted elsewhere. */
  #giveBackDeleted(id: string, patch: Patch, entry: string): void {
    const todo = this.#todos().find(id);
    const { title = todo?.title ?? "", description = todo?.description ?? "" } = { ...patch, ...this.#drafts.of(id) };
    this.#giveBack({ ...patched<Partial<Details>>(todo ?? {}, patch), title, description }, deletedFault, entry);
    this.#drafts.close(id);
  }

  /** A conflict with a todo that has been deleted meanwhile has no row to be shown in. */
  takeLostConflicts(): void {
    const returned = new Set(this.#returned.values());
    for (const { key, operation, refusal } of this.#todos().refused) {
      if (refusal?.code !== "aborted" || operation.kind !== "update" || returned.has(key)) continue;
      if (!this.isThere(operation.id)) this.#giveBackDeleted(operation.id, operation.patch, key);
    }
  }

  /** Returns whether there is a todo that is not deleted. */
  isThere(id: string): boolean {
    const todo = this.#todos().find(id);
    return todo !== undefined && todo.deletedAt === undefined;
  }

  /** Keeps the text of a row whose todo was deleted elsewhere while it was edited. */
  saveDeleted(key: string, draft: Draft): boolean {
    const todo = this.#todos().find(key);
    const due = draft.due === undefined ? todo?.due : (draft.due ?? undefined);
    this.#giveBack({ ...todo, ...draft, due }, deletedFault);
    this.#drafts.close(key);
    return true;
  }

  /** Puts text back into the composer, or, while that is in use, into a row of its own, so that the user can correct it. */
  #giveBack({ title, description, due, priority, tags }: Text & Partial<Details>, faults: Faults, entry?: string): void {
    const isFree = !this.#drafts.composing;
    const key = isFree ? composerKey : (entry ?? newId());
    const draft: Draft = { title, description, due: due ?? null, priority: priority ?? 0, tags: tags ?? [], isVerbatim: true, faults, entry };
    if (isFree) this.#drafts.set(composerKey, draft);
    else this.#drafts.edit({ ...noTodo, key, title, description, due, priority: priority ?? 0, tags: tags ?? [] }, draft);
    if (entry !== undefined) this.#returned.set(key, entry);
  }

  /** Drops the refused entries whose texts the user has sent again, or given up. */
  forgetClosed(): void {
    for (const [key, entry] of this.#returned) {
      const isThere = key === composerKey ? this.#drafts.composing : this.#drafts.of(key) !== undefined;
      if (isThere) continue;
      this.#returned.delete(key);
      void this.#todos().drop(entry);
    }
  }
}

function hasText({ title, description }: Patch): boolean {
  return (title ?? description) !== undefined;
}
