import { sameDue, type Due } from "../sync/due.ts";
import { editTags, hasTag, maxTags } from "../sync/tags.ts";
import type { Priority } from "../sync/todo.ts";
import type { Todos } from "../sync/todos.ts";
import type { Now } from "./clock.ts";
import { compose, nameOf, type Composed, type Piece } from "./composed.ts";
import { composerKey, type Draft, type Drafts } from "./drafts.ts";
import { dueText } from "./due-text.ts";
import type { DueInput } from "./due-input.ts";
import type { Lists } from "./lists.ts";
import { keysBetween, movesTo } from "./moves.ts";
import { maxLines, pastedTodos, type PastedTodo } from "./pasted.ts";
import { quote } from "./quote.ts";
import type { Teller } from "./teller.ts";
import { textFaults, titleFault } from "./title.ts";

/** What a composer needs. */
export interface ComposerOptions {
  todos(): Todos;
  readonly drafts: Drafts;
  readonly teller: Teller;
  readonly dueInput: DueInput;
  now(): Now;
  readonly lists: Pick<Lists, "byHand" | "defaults" | "rowsOf">;
}

/** The form for new todos. */
export class Composer {
  readonly #options: ComposerOptions;

  constructor(options: ComposerOptions) {
    this.#options = options;
  }

  get draft(): Draft {
    return this.#options.drafts.composer;
  }

  /** What the draft means. */
  get understood(): Composed {
    return this.#compose(this.draft);
  }

  /** Gets ready to read due dates: the user is about to write. */
  prepare(): void {
    void this.#options.dueInput.prepare();
  }

  /** Leaves a piece in the title. */
  ignore(piece: Piece): void {
    this.#set({ ignored: [...(this.draft.ignored ?? []), nameOf(piece)] });
  }

  /** Chooses a due date, or none, whatever the words say. */
  setDue(due: Due | undefined): void {
    this.#set({ due: due ?? null });
  }

  /** Adds words for a due date to the title: they are read there as soon as they can be. */
  addDueWords(words: string): void {
    this.#set({ title: `${this.draft.title} ${words.trim()}`.trim(), due: undefined });
  }

  setPriority(priority: Priority): void {
    this.#set({ priority });
  }

  addTag(tag: string): void {
    const { tags = [], withoutTags = [] } = this.draft;
    this.#set({ tags: editTags(tags, { add: [tag] }), withoutTags: withoutTags.filter((other) => !hasTag([tag], other)) });
  }

  /** Removes a tag, whether it was chosen, is of the list, or is written in the title: there it stays as text. */
  removeTag(tag: string): void {
    const { tags = [], withoutTags = [], ignored = [] } = this.draft;
    const written = this.understood.pieces.filter((piece) => piece.kind === "tag" && hasTag([piece.tag], tag));
    this.#set({
      tags: editTags(tags, { remove: [tag] }),
      withoutTags: [...withoutTags, tag],
      ignored: [...ignored, ...written.map(nameOf)],
    });
  }

  /** Adds the draft as a new todo. Returns whether it was valid. */
  create(): boolean {
    const { drafts } = this.#options;
    const todo = this.understood;
    const faults = faultsOf(todo);
    if (faults) {
      drafts.set(composerKey, { ...this.draft, faults });
      return false;
    }
    const { draft } = this;
    const [id = ""] = this.#add(todo);
    if (!draft.isVerbatim && draft.due === undefined) this.#readLater(id, draft, todo);
    drafts.close(composerKey); // Not before the outbox has it.
    return true;
  }

  /** Adds a draft that was refused, and corrected in a row of its own. Returns its faults, if it has any. */
  addAgain(draft: Draft): Draft["faults"] | undefined {
    const todo = this.#compose({ ...draft, isVerbatim: true, due: draft.due ?? null }, {}); // It is of no list.
    const faults = faultsOf(todo);
    if (!faults) this.#add(todo);
    return faults;
  }

  /**
   * Makes todos of a pasted text that has several lines: one a line, in their order, with
   * what a new todo of the list has. Nothing else is read from them, since the user could
   * not see how it is understood.
   *
   * @returns false if it has one line or none; it is then text like any other.
   */
  paste(text: string): boolean {
    const lines = pastedTodos(text);
    if (lines.length < 2) return false;
    const fault = faultOfLines(lines);
    if (fault !== undefined) this.#options.teller.complain(fault);
    else this.#addAll(lines);
    return true;
  }

  #add({ pieces: _, ...todo }: Composed): readonly string[] {
    const keys = this.#options.todos().create(todo);
    const due = todo.due ? `, due ${dueText(todo.due, this.#options.now())}` : "";
    this.#options.teller.tell("Added", [{ title: todo.title, isCompleted: false }], keys, due);
    return keys;
  }

  /**
   * Reads the due date of a todo that was created before words could be read, unless the
   * user has changed it since. Says how it was understood, and offers to undo it.
   */
  #readLater(id: string, draft: Draft, before: Composed): void {
    const { dueInput, drafts, lists, now, teller, todos } = this.#options;
    if (dueInput.isReady) return;
    const [at, { defaults }] = [now(), lists];
    dueInput.whenReady(() => {
      const { title, pieces } = this.#compose(draft, defaults, at);
      const read = pieces.find((piece) => piece.kind === "due");
      const todo = todos().find(id);
      const isAsBefore = todo?.deletedAt === undefined && todo?.title === before.title && sameDue(todo.due, before.due) && !drafts.of(id);
      if (!read || !isAsBefore) return;
      const rows = lists.rowsOf([id]);
      todos().update(id, { title, due: read.due }, todo);
      const takeBack = () => todos().update(id, { title: before.title, due: before.due ?? null }, { ...todo, title });
      teller.offerUndo(`Read ${quote(read.text)} as ${dueText(read.due, now())} in`, rows, takeBack);
    });
  }

  #addAll(lines: readonly PastedTodo[]): void {
    const { todos, teller, lists } = this.#options;
    const first = lists.byHand[0];
    // Without keys the last line would come first. The service would give the first
    // todo a key of its own, if it doesn't know it yet.
    if (first?.isProvisional) todos().updateAll([{ id: first.id, patch: { position: first.position } }]);
    const keys = keysBetween(undefined, first?.position, lines.length);
    const added = lines.map(({ title }, i) => ({ ...lists.defaults, title, description: "", ...(keys && { position: keys[i]! }) }));
    const ids = keys ? todos().create(...added) : todos().create(...added.toReversed()).toReversed();
    if (!keys) todos().updateAll(movesTo(lists.byHand, new Set(ids), first?.id).map(({ id, position }) => ({ id, patch: { position } })));
    const done = ids.filter((_, i) => lines[i]!.isCompleted);
    if (done.length > 0) todos().updateAll(done.map((id) => ({ id, patch: { isCompleted: true } })));
    teller.offerUndo("Added", lists.rowsOf(ids), () => todos().delete(...ids), { isAddition: true });
  }

  #compose(draft: Draft, defaults = this.#options.lists.defaults, now = this.#options.now()): Composed {
    return compose(draft, { now, defaults, readDue: (text, at) => this.#options.dueInput.all(text, at) });
  }

  #set(change: Partial<Draft>): void {
    this.#options.drafts.set(composerKey, { ...this.draft, ...change });
  }
}

function faultsOf(todo: Composed): Draft["faults"] | undefined {
  const faults = textFaults(todo);
  if (faults || todo.tags.length <= maxTags) return faults;
  return { "": `Must have at most ${maxTags} tags.` };
}

function faultOfLines(lines: readonly PastedTodo[]): string | undefined {
  if (lines.length > maxLines) return `These are ${lines.length} lines; at most ${maxLines} become todos at once.`;
  for (const [i, { title }] of lines.entries()) {
    const fault = titleFault(title);
    if (fault !== undefined) return `Nothing was added. Todo ${i + 1} of the ${lines.length}: ${fault}`;
  }
  return undefined;
}
