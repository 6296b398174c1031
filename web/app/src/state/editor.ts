import type { Patch } from "../sync/operation.ts";
import type { Todos } from "../sync/todos.ts";
import type { Composer } from "./composer.ts";
import type { Drafts } from "./drafts.ts";
import type { ReturnedTexts } from "./returned-texts.ts";
import type { Row } from "./rows.ts";
import type { Teller } from "./teller.ts";
import { textFaults } from "./title.ts";

/** What an editor needs. */
export interface EditorOptions {
  todos(): Todos;
  readonly drafts: Drafts;
  readonly returned: ReturnedTexts;
  readonly composer: Composer;
  readonly teller: Teller;
}

/** The texts of rows that the user is editing. */
export class Editor {
  readonly #options: EditorOptions;

  constructor(options: EditorOptions) {
    this.#options = options;
  }

  /** Saves the text that the user has written in a row. Returns whether it was valid. */
  save(row: Row): boolean {
    const { todos, drafts, returned, composer } = this.#options;
    const draft = drafts.of(row.key);
    if (!draft) return true;
    // Only the user's own changes are sent, so changes of others stay.
    const before = drafts.rowOf(row.key) ?? row;
    const patch: Patch = {
      ...(draft.title !== before.title && { title: draft.title }),
      ...(draft.description !== before.description && { description: draft.description }),
    };
    const faults = row.id === undefined ? composer.addAgain(draft) : textFaults(patch);
    if (faults) {
      drafts.set(row.key, { ...draft, faults });
      return false;
    }
    if (row.id !== undefined && Object.keys(patch).length > 0) {
      if (!returned.isThere(row.id)) return returned.saveDeleted(row.key, draft);
      todos().update(row.id, patch, before);
    }
    drafts.close(row.key); // Not before the outbox has it.
    return true;
  }

  /** Ends editing a row without a change. The text that this drops can be brought back for a while. */
  cancel({ key }: Row): void {
    const { drafts, teller } = this.#options;
    const before = drafts.rows.find((row) => row.key === key);
    const draft = drafts.of(key);
    drafts.close(key);
    if (!before || !draft) return;
    teller.offerText(() => {
      this.cancel(before); // The user may write there again.
      // The outbox's refused entry is gone.
      drafts.edit(before, { ...draft, entry: undefined });
      return key;
    });
  }

  /** Ends a conflict: with the user's own text, with the other one, or with a todo for each. */
  resolve(row: Row, choice: "mine" | "theirs" | "both"): void {
    const { conflict, due, priority, tags } = row;
    if (!conflict) return;
    const { todos, composer } = this.#options;
    if (choice === "mine") return void todos().insist(conflict.key);
    if (choice === "both") composer.addAgain({ ...conflict, due, priority, tags, faults: {} });
    void todos().drop(conflict.key); // Not before the outbox has the copy.
  }
}
