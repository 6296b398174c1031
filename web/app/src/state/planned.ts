// What is planned in the dialog for due dates, priorities and tags, until it is done.

import { sameDue, type Due } from "../sync/due.ts";
import { hasTag } from "../sync/tags.ts";
import type { Details, Priority } from "../sync/todo.ts";
import { composerKey } from "./drafts.ts";
import { dayOf, onDay, type DueChange } from "./due.ts";
import { quote } from "./quote.ts";
import type { Store } from "./store.ts";
import { tagFault } from "./tag-fault.ts";

/** What is planned for todos. What isn't touched stays as it is. */
export interface Planned {
  /** The todos' ids, or the composer's key. */
  readonly keys: readonly string[];
  /** What the todos are called. */
  readonly name: string;
  /** When each is due. */
  readonly dues: readonly (Due | undefined)[];
  /** What was chosen for the due dates. */
  readonly change: DueChange;
  /** What is written in the field for the due date; it changes what was chosen before. */
  readonly words: string;
  /** The field for a day or a time that is empty because the user types another one. */
  readonly retyped?: "date" | "time" | undefined;
  /** The zone of the last time that was chosen. */
  readonly zone?: string | undefined;
  /** Undefined when they differ. */
  readonly priority: Priority | undefined;
  readonly before: Priority | undefined;
  /** The tags that all have. */
  readonly tags: readonly string[];
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly tag: string;
  readonly tagFault?: string | undefined;
}

/** Begins to plan todos, or the new one when the key is the composer's; undefined if there are none. */
export function plannedOf(store: Store, keys: readonly string[]): Planned | undefined {
  const isNew = keys[0] === composerKey;
  const rows = store.rowsOf(keys);
  const todos: readonly Details[] = isNew ? [store.composer.understood] : rows;
  const [first] = todos;
  if (!first) return undefined;
  const priority = todos.every((todo) => todo.priority === first.priority) ? first.priority : undefined;
  return {
    keys: isNew ? keys : rows.map(({ key }) => key),
    name: isNew ? "New todo" : rows.length === 1 ? quote(rows[0]!.title) : `${rows.length} todos`,
    dues: todos.map(({ due }) => due),
    change: (due) => due,
    words: "",
    priority,
    before: priority,
    tags: first.tags.filter((tag) => todos.every(({ tags }) => hasTag(tags, tag))),
    added: [],
    removed: [],
    tag: "",
  };
}

/** The planned due dates, as the dialog shows them. */
export interface ShownDue {
  /** Undefined when there is none, or when they differ. */
  readonly due: Due | undefined;
  /** The day on which all are due where the user is. */
  readonly day: string | undefined;
  readonly isMixed: boolean;
  /** The zone of its time, or of the last time that it had. */
  readonly zone: string | undefined;
}

export function shownDue(store: Store, planned: Planned): ShownDue {
  const dues = planned.dues.map(changeOf(store, planned));
  const [first] = dues;
  const isMixed = !dues.every((due) => sameDue(due, first));
  const due = isMixed ? undefined : first;
  const [day, ...others] = new Set(dues.map((due) => due && dayOf(due, store.now)));
  return {
    due,
    day: others.length === 0 ? day : undefined,
    isMixed,
    zone: due?.time === undefined ? due && planned.zone : due.zone,
  };
}

/** Returns the plan with a further change of the due dates. */
export function withDue(store: Store, planned: Planned, next: DueChange): Planned {
  const change = changeOf(store, planned);
  const { zone } = shownDue(store, planned);
  return { ...planned, change: (due) => next(change(due)), words: "", retyped: undefined, zone };
}

/** Returns whether words are written for the due date of which none is read. */
export function isUnread({ dueInput, now }: Store, { words }: Planned): boolean {
  return words.trim() !== "" && !dueInput.parse(words, now);
}

/** Returns the plan with the tag that is written in the field, or with its fault. */
export function withTag(planned: Planned): Planned {
  const { added, removed, tags } = planned;
  const tag = planned.tag.trim().replace(/^#/, "");
  const fault = tagFault(tag);
  if (fault !== undefined) return { ...planned, tagFault: fault };
  return {
    ...planned,
    tag: "",
    tagFault: undefined,
    added: hasTag([...tags, ...added], tag) ? added : [...added, tag],
    removed: removed.filter((other) => !hasTag([tag], other)),
  };
}

/** Does what was planned, with what is still in its fields. For todos, words that can't be read yet are waited for. */
export function carryOut(store: Store, planned: Planned): void {
  const whole = planned.tag.trim() === "" ? planned : withTag(planned);
  if (whole.tagFault !== undefined) store.complain(`${quote(whole.tag.trim())} was not added: ${whole.tagFault}`);
  if (whole.keys[0] === composerKey) changeNew(store, whole);
  else if (whole.words.trim() === "") changeTodos(store, whole);
  else store.dueInput.whenReady(() => changeTodos(store, whole));
}

function changeNew(store: Store, planned: Planned): void {
  const { composer, dueInput } = store;
  const { words, priority, before, added, removed } = planned;
  if (words.trim() !== "" && !dueInput.isReady) composer.addDueWords(words);
  else {
    const { due } = composer.understood;
    const dueAfter = readableChange(store, planned)(due);
    if (!sameDue(due, dueAfter)) composer.setDue(dueAfter);
  }
  if (priority !== undefined && priority !== before) composer.setPriority(priority);
  for (const tag of added) composer.addTag(tag);
  for (const tag of removed) composer.removeTag(tag);
}

function changeTodos(store: Store, planned: Planned): void {
  const { keys, name, priority, before, added, removed } = planned;
  const rows = store.rowsOf(keys);
  const missing = keys.length - rows.length;
  if (missing > 0) store.complain(`Deleted meanwhile: ${keys.length === 1 ? name : `${missing} of ${name}`}.`);
  store.actions.plan(rows, {
    due: readableChange(store, planned),
    ...(priority !== before && { priority }),
    addTags: added,
    removeTags: removed,
  });
}

/** Returns what becomes of the due dates, and complains about words that don't count. */
function readableChange(store: Store, planned: Planned): DueChange {
  if (isUnread(store, planned)) {
    const why = store.dueInput.isReady ? "is no date." : "can’t be read as a date at the moment.";
    store.complain(`${quote(planned.words.trim())} ${why}`);
  }
  return changeOf(store, planned);
}

/** Returns what becomes of the due dates: what was chosen, and then what the words say. A day leaves each its time. */
function changeOf({ dueInput, now }: Store, { words, change }: Planned): DueChange {
  const due = dueInput.parse(words, now)?.due;
  if (!due) return change;
  return due.time === undefined ? (before) => onDay(change(before), due.date, now) : () => due;
}
