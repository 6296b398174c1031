import { foldTag } from "../sync/tags.ts";
import type { ShownTodo } from "../sync/view.ts";
import type { Now } from "./clock.ts";
import { dayOf, isOverdue, today } from "./due.ts";
import { tagFilter, type Filter } from "./filter.ts";

/** How many todos the lists have. Those that are done count in `done` only. */
export interface Counts {
  /** Due today or earlier. */
  readonly today: number;
  /** Of these, those whose time is over. */
  readonly overdue: number;
  /** Due today or later. */
  readonly upcoming: number;
  readonly all: number;
  readonly done: number;
  readonly trash: number;
}

/** A tag of todos that are not done. */
export interface TagCount {
  /** As it is written, in the todo that was created last. */
  readonly tag: string;
  readonly filter: Filter;
  readonly count: number;
}

/** Counts the todos of the lists. */
export function countsOf(todos: readonly ShownTodo[], trash: readonly ShownTodo[], now: Now): Counts {
  const counts = { today: 0, overdue: 0, upcoming: 0, all: 0, done: 0, trash: trash.length };
  const date = today(now);
  for (const { isCompleted, due } of todos) {
    if (isCompleted) counts.done++;
    else counts.all++;
    if (isCompleted || !due) continue;
    const day = dayOf(due, now);
    if (day <= date) counts.today++;
    if (day >= date) counts.upcoming++;
    if (isOverdue(due, now)) counts.overdue++;
  }
  return counts;
}

/** Returns the tags of the todos that are not done, in alphabetical order. */
export function tagsOf(todos: readonly ShownTodo[]): readonly TagCount[] {
  const tags = new Map<string, { tag: string; count: number }>();
  for (const { isCompleted, tags: own } of todos) {
    if (isCompleted) continue;
    for (const tag of own) {
      const folded = foldTag(tag);
      const known = tags.get(folded);
      if (known) known.count++;
      else tags.set(folded, { tag, count: 1 });
    }
  }
  const { compare } = new Intl.Collator();
  return [...tags.values()]
    .map(({ tag, count }) => ({ tag, count, filter: tagFilter(tag) }))
    .sort((a, b) => compare(a.tag, b.tag) || (a.filter < b.filter ? -1 : 1));
}
