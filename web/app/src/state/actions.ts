import { sameDue, type Due } from "../sync/due.ts";
import type { Patch } from "../sync/operation.ts";
import { editTags, hasTag, maxTags } from "../sync/tags.ts";
import type { Change, Todos } from "../sync/todos.ts";
import type { Priority } from "../sync/todo.ts";
import type { Drafts } from "./drafts.ts";
import type { DueChange } from "./due.ts";
import type { Lists } from "./lists.ts";
import { movesTo } from "./moves.ts";
import type { Notices } from "./notices.ts";
import { quote } from "./quote.ts";
import type { Row } from "./rows.ts";
import type { Teller } from "./teller.ts";

/** What actions need. */
export interface ActionsOptions {
  todos(): Todos;
  readonly drafts: Drafts;
  readonly notices: Notices;
  readonly teller: Teller;
  readonly lists: Pick<Lists, "byHand">;
  /** Asks the user a question, and returns whether the answer is yes. */
  confirm(question: string): boolean;
}

/** What the user does to todos, to one or to several at once: each is undone at once, too. */
export class Actions {
  readonly #options: ActionsOptions;

  constructor(options: ActionsOptions) {
    this.#options = options;
  }

  get #todos(): Todos {
    return this.#options.todos();
  }

  /** Completes todos; if all are completed, opens them again. */
  toggle(rows: readonly Row[]): void {
    const todos = rows.filter(isAlive);
    const open = todos.filter(({ isCompleted }) => !isCompleted);
    const isCompleted = open.length > 0;
    this.#change(isCompleted ? "Completed" : "Opened", isCompleted ? open : todos, () => ({ isCompleted }));
  }

  /** Sets when todos are due; undefined removes it. */
  setDue(rows: readonly Row[], due: Due | undefined): void {
    this.plan(rows, { due: () => due });
  }

  setPriority(rows: readonly Row[], priority: Priority): void {
    this.plan(rows, { priority });
  }

  /** Adds tags to todos that don't have them. */
  addTags(rows: readonly Row[], tags: readonly string[]): void {
    this.plan(rows, { addTags: tags });
  }

  /** Removes tags from todos. */
  removeTags(rows: readonly Row[], tags: readonly string[]): void {
    this.plan(rows, { removeTags: tags });
  }

  /** Changes several things of todos, with one undo for all of it. */
  plan(rows: readonly Row[], planned: Planning): void {
    const alive = rows.filter(isAlive);
    const full = alive.filter((row) => isTooFull(row, planned));
    for (const { title } of full) this.#options.teller.complain(`${quote(title)} can’t have more than ${maxTags} tags.`);
    const patches = new Map<Row, Patch>();
    for (const row of alive) {
      const patch = planOf(row, full.includes(row) ? { ...planned, addTags: [], removeTags: [] } : planned);
      if (Object.keys(patch).length > 0) patches.set(row, patch);
    }
    this.#change(nameOf([...patches.values()]), [...patches.keys()], (row) => patches.get(row) ?? {});
  }

  /** Puts todos in front of another one, or, without one, at the end. */
  move(rows: readonly Row[], before: string | undefined): void {
    const undone = this.#move(rows, before);
    if (undone.length === 0) return;
    this.#options.teller.offerUndo("Moved", rows.filter(isAlive), () => this.#todos.updateAll(undone));
  }

  /**
   * Moves todos up (-1) or down (1) by one place, which the other key takes back. Those
   * that are apart come together, which only an undo takes back.
   */
  moveBy(rows: readonly Row[], step: -1 | 1): void {
    const moved = new Set(rows.map(({ key }) => key));
    const order = this.#options.lists.byHand;
    const places = order.flatMap(({ id }, i) => (moved.has(id) ? [i] : []));
    const [first, last] = [places[0], places.at(-1)];
    if (first === undefined || last === undefined) return;
    const target = step < 0 ? first - 1 : last + 1;
    if (target >= 0 && target < order.length) {
      const before = order[step < 0 ? target : target + 1]?.id;
      if (last - first >= places.length) this.move(rows, before);
      else {
        this.#move(rows, before);
        this.#options.notices.pass();
      }
    }
    const place = this.#options.lists.byHand.findIndex(({ id }) => moved.has(id));
    this.#options.teller.announce(`Place ${place + 1} of ${order.length}`);
  }

  /** Moves todos to the trash. Those that are being edited are not deleted, since their text would be lost. */
  delete(rows: readonly Row[]): void {
    const { drafts, teller } = this.#options;
    if (rows.some(({ deletedAt }) => deletedAt !== undefined)) return this.purge(rows);
    const deleted = rows.filter((row) => isAlive(row) && !drafts.of(row.key));
    const ids = idsOf(deleted);
    if (ids.length === 0) return;
    this.#todos.delete(...ids);
    teller.offerUndo("Deleted", deleted, () => this.#todos.undelete(...ids));
  }

  /** Restores todos from the trash. */
  restore(rows: readonly Row[]): void {
    const ids = idsOf(rows);
    for (const id of ids) this.#options.notices.withdraw(id);
    this.#todos.undelete(...ids);
    this.#options.teller.tell("Restored", rows, ids);
  }

  /** Deletes todos of the trash permanently, if the user is sure. */
  purge(rows: readonly Row[]): void {
    const ids = idsOf(rows);
    const [first] = rows;
    if (!first || ids.length === 0) return;
    const names = rows.length === 1 ? quote(first.title) : `${rows.length} todos`;
    if (!this.#options.confirm(`Delete ${names} for good? This can’t be undone.`)) return;
    this.#purge(ids);
    this.#options.teller.announce(`Deleted ${names} for good`);
  }

  /** Deletes all todos of the trash permanently, if the user is sure. */
  emptyTrash(): void {
    const { trash } = this.#todos;
    const all = trash.length === 1 ? "the todo" : `all ${trash.length} todos`;
    if (!this.#options.confirm(`Delete ${all} in the trash for good? This can’t be undone.`)) return;
    this.#purge(trash.map(({ id }) => id));
    this.#options.teller.announce("The trash is empty");
  }

  #purge(ids: readonly string[]): void {
    for (const id of ids) this.#options.notices.withdraw(id);
    this.#todos.purge(...ids);
  }

  /** Changes rows, and offers to change them back. */
  #change(did: string, rows: readonly Row[], patchOf: (row: Row) => Patch): void {
    const alive = rows.filter(isAlive);
    if (alive.length === 0) return;
    const changes = alive.map((row) => ({ id: row.id, patch: patchOf(row) }));
    const undone = changes.map(({ id, patch }, i) => ({ id, patch: inverse(alive[i]!, patch) }));
    this.#todos.updateAll(changes);
    this.#options.teller.offerUndo(did, alive, () => this.#todos.updateAll(undone));
  }

  /** Moves rows, and returns what moves them back. */
  #move(rows: readonly Row[], before: string | undefined): readonly Change[] {
    const order = this.#options.lists.byHand;
    const moves = movesTo(order, new Set(idsOf(rows)), before);
    const byId = new Map(order.map((todo) => [todo.id, todo]));
    const undone = moves.map(({ id }) => ({ id, patch: { position: byId.get(id)!.position } }));
    if (moves.length > 0) this.#todos.updateAll(moves.map(({ id, position }) => ({ id, patch: { position } })));
    return undone;
  }
}

/** What is changed of todos; what is absent stays. */
export interface Planning {
  readonly due?: DueChange | undefined;
  readonly priority?: Priority | undefined;
  readonly addTags?: readonly string[] | undefined;
  readonly removeTags?: readonly string[] | undefined;
}

/** Returns what of a plan changes a row. */
function planOf(row: Row, { due, priority, addTags = [], removeTags = [] }: Planning): Patch {
  const dueAfter = due ? due(row.due) : row.due;
  const add = addTags.filter((tag) => !hasTag(row.tags, tag));
  // As they are written in the todo, so that undoing it brings them back like that.
  const remove = row.tags.filter((tag) => hasTag(removeTags, tag));
  return {
    ...(!sameDue(row.due, dueAfter) && { due: dueAfter ?? null }),
    ...(priority !== undefined && priority !== row.priority && { priority }),
    ...(add.length + remove.length > 0 && { tags: { ...(add.length > 0 && { add }), ...(remove.length > 0 && { remove }) } }),
  };
}

function isTooFull({ tags }: Row, { addTags = [], removeTags = [] }: Planning): boolean {
  return addTags.some((tag) => !hasTag(tags, tag)) && editTags(tags, { add: addTags, remove: removeTags }).length > maxTags;
}

/** Says what patches do. */
function nameOf(patches: readonly Patch[]): string {
  const has = (field: keyof Patch) => patches.some((patch) => patch[field] !== undefined);
  const names = [
    ...(has("due") ? ["Changed when to do"] : []),
    ...(has("priority") ? ["Changed the priority of"] : []),
    ...(has("tags") ? [patches.every(({ tags }) => !tags?.remove) ? "Tagged" : "Changed the tags of"] : []),
  ];
  return names.length === 1 ? names[0]! : "Changed";
}

type AliveRow = Row & { readonly id: string };

function isAlive(row: Row): row is AliveRow {
  return row.id !== undefined && row.deletedAt === undefined;
}

function idsOf(rows: readonly Row[]): readonly string[] {
  return rows.flatMap(({ id }) => id ?? []);
}

/** Returns the patch that takes one back. */
function inverse(row: Row, { isCompleted, due, priority, tags }: Patch): Patch {
  return {
    ...(isCompleted !== undefined && { isCompleted: row.isCompleted }),
    ...(due !== undefined && { due: row.due ?? null }),
    ...(priority !== undefined && { priority: row.priority }),
    ...(tags && { tags: { add: tags.remove, remove: tags.add } }),
  };
}
