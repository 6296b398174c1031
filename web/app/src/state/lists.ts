import type { Details } from "../sync/todo.ts";
import type { Todos } from "../sync/todos.ts";
import type { ShownTodo } from "../sync/view.ts";
import type { Now } from "./clock.ts";
import { countsOf, tagsOf, type Counts, type TagCount } from "./counts.ts";
import { today } from "./due.ts";
import { tagOf, type Filter } from "./filter.ts";
import { Memo } from "./memo.ts";
import { rowOf, type Row } from "./rows.ts";
import { orders, partsOf, sectionsOf, type Part, type Section } from "./sections.ts";

/** What lists need. */
export interface ListsOptions {
  todos(): Todos;
  now(): Now;
  readonly filter: Filter;
  /** Returns the rows that the user is editing, as they were before. */
  writing(): readonly Row[];
}

/** The list that is shown, and what the navigation says of all. */
export class Lists {
  readonly #options: ListsOptions;
  #filter: Filter;
  #search = "";
  #turned: ReadonlySet<string> = new Set();
  #now: Now | undefined;
  readonly #parts = new Memo<readonly Part[]>();
  readonly #sections = new Memo<readonly Section[]>();
  readonly #rows = new Memo<readonly Row[]>();
  readonly #counts = new Memo<Counts>();
  readonly #tags = new Memo<readonly TagCount[]>();
  readonly #byHand = new Memo<readonly ShownTodo[]>();
  readonly #folded = new WeakMap<object, string>();
  /** The rows of todos that are being edited: while nothing changes, they are the same. */
  #writing = new Map<ShownTodo, { readonly row: Row; readonly isAway: boolean }>();

  constructor(options: ListsOptions) {
    this.#options = options;
    this.#filter = options.filter;
  }

  get filter(): Filter {
    return this.#filter === "trash" && !this.#options.todos().hasTrash ? "all" : this.#filter;
  }

  get search(): string {
    return this.#search;
  }

  /** The time that everything here is of. */
  get now(): Now {
    return (this.#now ??= this.#options.now());
  }

  get sections(): readonly Section[] {
    const todos = this.#options.todos();
    const isAway = todos.status.problem !== undefined;
    const [parts, turned] = [this.#partsOf(todos), this.#turned];
    const writing = this.filter === "trash" ? [] : this.#currentOf(this.#options.writing(), todos, isAway);
    return this.#sections.of([parts, turned, isAway, ...writing], () => sectionsOf(parts, { turned, isAway, writing }));
  }

  get rows(): readonly Row[] {
    const { sections } = this;
    return this.#rows.of([sections], () => sections.flatMap(({ rows }) => rows));
  }

  get counts(): Counts {
    const { todos, trash } = this.#options.todos();
    return this.#counts.of([todos, trash, ...this.#minute], () => countsOf(todos, trash, this.now));
  }

  get tags(): readonly TagCount[] {
    const { todos } = this.#options.todos();
    return this.#tags.of([todos], () => tagsOf(todos));
  }

  /** The todos that are not done, in the order by hand. */
  get byHand(): readonly ShownTodo[] {
    const { todos } = this.#options.todos();
    return this.#byHand.of([todos], () => todos.filter(({ isCompleted }) => !isCompleted).sort(orders(this.now).byHand));
  }

  get canMove(): boolean {
    return this.filter === "all" && this.#search.trim() === "";
  }

  /** What a new todo of the list that is shown has. */
  get defaults(): Partial<Details> {
    const tag = tagOf(this.filter);
    if (tag !== undefined) return { tags: [this.tags.find(({ filter }) => filter === this.filter)?.tag ?? tag] };
    return this.filter === "today" ? { due: { date: today(this.now) } } : {};
  }

  /** Returns the rows of todos. */
  rowsOf(ids: readonly string[]): readonly Row[] {
    const todos = this.#options.todos();
    return ids.flatMap((id) => {
      const todo = todos.find(id);
      return todo ? [rowOf(todo, todos.status.problem !== undefined)] : [];
    });
  }

  /** Says what is shown. */
  get summary(): string {
    const count = this.sections.reduce((sum, section) => sum + (section.kind === "done" && this.#isDoneAside ? 0 : section.count), 0);
    if (this.#search.trim() !== "") return count === 0 ? "Nothing found" : `Found ${countOf(count)}`;
    const name = summaryNames[this.filter] ?? `tagged ${tagOf(this.filter)}`;
    if (this.filter === "trash") return count === 0 ? "The trash is empty" : `${countOf(count)} in the trash`;
    return [count === 0 ? "No todos" : countOf(count), name].filter((part) => part !== "").join(" ");
  }

  show(filter: Filter): void {
    this.#filter = filter;
    this.#search = "";
    this.#turned = new Set();
    this.forget();
  }

  searchFor(text: string): void {
    this.#search = text;
    this.forget();
  }

  toggleFold(key: string): void {
    const turned = new Set(this.#turned);
    if (!turned.delete(key)) turned.add(key);
    this.#turned = turned;
    this.forget();
  }

  /** Notes that something has changed, or that time has passed. */
  forget(): void {
    this.#now = undefined;
  }

  /** Returns rows that are being edited as they are now, if they are still there. */
  #currentOf(rows: readonly Row[], todos: Todos, isAway: boolean): readonly Row[] {
    const known = this.#writing;
    this.#writing = new Map();
    return rows.map((row) => {
      const todo = todos.find(row.key);
      if (!todo || todo.deletedAt !== undefined) return row;
      const before = known.get(todo);
      const current = before?.isAway === isAway ? before : { row: rowOf(todo, isAway), isAway };
      this.#writing.set(todo, current);
      return current.row;
    });
  }

  #partsOf({ todos, trash }: Todos): readonly Part[] {
    const { filter, now } = this;
    const search = this.#search.trim();
    return this.#parts.of([todos, trash, filter, search, ...this.#minute], () =>
      partsOf({ todos, trash, filter, search, now, folded: this.#folded }),
    );
  }

  /** Nothing here depends on less than minutes. */
  get #minute(): readonly [number, string] {
    return [Math.floor(this.now.instant / 60_000), this.now.zone];
  }

  /** Whether done todos are only an addition to what is shown. */
  get #isDoneAside(): boolean {
    return this.filter !== "done" && this.#search.trim() === "";
  }
}

const summaryNames: Readonly<Partial<Record<Filter, string>>> = {
  today: "for today",
  upcoming: "coming up",
  all: "",
  done: "done",
  trash: "",
};

function countOf(count: number): string {
  return count === 1 ? "1 todo" : `${count} todos`;
}
