import { comparePositions } from "../sync/position.ts";
import { hasTag } from "../sync/tags.ts";
import type { ShownTodo } from "../sync/view.ts";
import type { Now } from "./clock.ts";
import { compareDue, dayOf, today } from "./due.ts";
import { tagOf, type Filter } from "./filter.ts";
import { rowOf, type Row } from "./rows.ts";
import { Search } from "./search.ts";
import { localAt } from "./zone.ts";

/** A part of a list, with a heading of its own or none. */
export interface Section {
  /** Names it within its list. */
  readonly key: string;
  /** "writing" has rows that are being edited, and belong nowhere else any more. */
  readonly kind: "writing" | "overdue" | "day" | "open" | "done" | "trash" | "found";
  /** The day of a section of todos that are due then. */
  readonly date?: string | undefined;
  /** How many todos it has. */
  readonly count: number;
  /** Whether its rows are left out: the user has not asked for them. */
  readonly isFolded: boolean;
  readonly rows: readonly Row[];
}

/** What decides which todos a list has. */
export interface PartsOptions {
  readonly todos: readonly ShownTodo[];
  readonly trash: readonly ShownTodo[];
  readonly filter: Filter;
  /** What is searched for; "" for nothing. */
  readonly search: string;
  readonly now: Now;
  /** The todos' texts that were folded before. */
  readonly folded: WeakMap<object, string>;
}

/** What decides how they are shown. */
export interface SectionsOptions {
  /** Whether what is unsent has to wait. */
  readonly isAway: boolean;
  /** The rows that the user is editing. They stay in every list: otherwise the text would be lost. */
  readonly writing: readonly Row[];
  /** The keys of the sections that the user has folded, or opened, against their habit. */
  readonly turned: ReadonlySet<string>;
}

/** The todos of a section, in order. */
export interface Part {
  readonly kind: Section["kind"];
  readonly date?: string;
  readonly todos: readonly ShownTodo[];
  readonly folds?: boolean;
}

/** Returns the sections of a list, without empty ones. */
export function sectionsOf(parts: readonly Part[], { isAway, turned, writing }: SectionsOptions): readonly Section[] {
  const sections: Section[] = parts
    .filter(({ todos }) => todos.length > 0)
    .map(({ kind, date, todos, folds = false }) => {
      const key = date === undefined ? kind : `${kind} ${date}`;
      const isFolded = folds !== turned.has(key);
      return { key, kind, date, count: todos.length, isFolded, rows: isFolded ? [] : todos.map((todo) => rowOf(todo, isAway)) };
    });
  const shown = new Set(sections.flatMap(({ rows }) => rows.map(({ key }) => key)));
  const left = writing.filter(({ key }) => !shown.has(key));
  if (left.length > 0) sections.unshift({ key: "writing", kind: "writing", count: left.length, isFolded: false, rows: left });
  return sections;
}

/** Returns the parts of a list. */
export function partsOf({ todos, trash, filter, search, now, folded }: PartsOptions): readonly Part[] {
  const found = new Search(search, folded);
  if (filter === "trash") return [{ kind: "trash", todos: search ? trash.filter((todo) => found.matches(todo)) : trash }];
  const order = orders(now);
  const open = todos.filter(({ isCompleted }) => !isCompleted);
  const done = todos.filter(({ isCompleted }) => isCompleted);
  if (search) {
    return [
      { kind: "found", todos: open.filter((todo) => found.matches(todo)).sort(order.byHand) },
      { kind: "done", todos: done.filter((todo) => found.matches(todo)).sort(order.lastDone) },
    ];
  }
  switch (filter) {
    case "today":
      return todayParts(open, done, now);
    case "upcoming":
      return upcomingParts(open, now);
    case "all":
      return [
        { kind: "open", todos: open.sort(order.byHand) },
        { kind: "done", todos: done.sort(order.lastDone), folds: true },
      ];
    case "done":
      return [{ kind: "done", todos: done.sort(order.lastDone) }];
    default: {
      const tag = tagOf(filter) ?? "";
      return [
        { kind: "open", todos: open.filter(({ tags }) => hasTag(tags, tag)).sort(order.byDue) },
        { kind: "done", todos: done.filter(({ tags }) => hasTag(tags, tag)).sort(order.lastDone), folds: true },
      ];
    }
  }
}

function todayParts(open: readonly ShownTodo[], done: readonly ShownTodo[], now: Now): readonly Part[] {
  const { byDue, lastDone } = orders(now);
  const date = today(now);
  const due = open.filter((todo) => todo.due && dayOf(todo.due, now) <= date).sort(byDue);
  const isEarlier = ({ due }: ShownTodo) => due !== undefined && dayOf(due, now) < date;
  const isOfToday = ({ completedAt }: ShownTodo) => completedAt !== undefined && localAt(completedAt / 1000, now.zone).date === date;
  return [
    { kind: "overdue", todos: due.filter(isEarlier) },
    { kind: "day", date, todos: due.filter((todo) => !isEarlier(todo)) },
    { kind: "done", todos: done.filter(isOfToday).sort(lastDone), folds: true },
  ];
}

function upcomingParts(open: readonly ShownTodo[], now: Now): readonly Part[] {
  const date = today(now);
  const days = new Map<string, ShownTodo[]>();
  for (const todo of open.filter(({ due }) => due).sort(orders(now).byDue)) {
    const day = dayOf(todo.due!, now);
    if (day < date) continue;
    const sameDay = days.get(day);
    if (sameDay) sameDay.push(todo);
    else days.set(day, [todo]);
  }
  return [...days].map(([date, todos]) => ({ kind: "day", date, todos }));
}

type Compare = (a: ShownTodo, b: ShownTodo) => number;

/** The orders of lists. */
export function orders({ zone }: Pick<Now, "zone">): Readonly<Record<"byHand" | "byDue" | "lastDone", Compare>> {
  const byId: Compare = (a, b) => (a.id < b.id ? -1 : 1);
  // As the service lists them: two devices may have given the same key.
  const byHand: Compare = (a, b) => comparePositions(a.position, b.position) || byId(a, b);
  return {
    byHand,
    byDue: (a, b) => compareDue(a.due, b.due, zone) || byHand(a, b),
    // Of one that was completed before the service kept the time, only the last change is known.
    lastDone: (a, b) => (b.completedAt ?? b.updatedAt) - (a.completedAt ?? a.updatedAt) || byId(b, a),
  };
}
