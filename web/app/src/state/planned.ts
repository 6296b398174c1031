// What is planned in the dialog for due dates, priorities and tags, until it is done.

import { sameDue, type Due } from "../sync/due.ts";
import { hasTag } from "../sync/tags.ts";
import type { Details, Priority } from "../sync/todo.ts";
import { composerKey } from "./drafts.ts";
import { quote } from "./quote.ts";
import type { Store } from "./store.ts";
import { tagFault } from "./tag-fault.ts";

/** What is planned for todos. What isn't touched stays as it is. */
export interface Planned {
  /** The todos' ids, or the composer's key. */
  readonly keys: readonly string[];
  /** What the todos are called. */
  readonly name: string;
  readonly due?: Due | undefined;
  readonly dueBefore?: Due | undefined;
  readonly isDueTouched: boolean;
  /** Whether the todos differ in it. */
  readonly isDueMixed: boolean;
  /** What is written in the field for the due date. */
  readonly words: string;
  /** The field for a day or a time that is empty because the user types another one. */
  readonly retyped?: "date" | "time" | undefined;
  /** The zone of the last time that it had. */
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
  const isSameDue = todos.every(({ due }) => sameDue(due, first.due));
  const due = isSameDue ? first.due : undefined;
  const priority = todos.every((todo) => todo.priority === first.priority) ? first.priority : undefined;
  return {
    keys: isNew ? keys : rows.map(({ key }) => key),
    name: isNew ? "New todo" : rows.length === 1 ? quote(rows[0]!.title) : `${rows.length} todos`,
    due,
    dueBefore: due,
    isDueTouched: false,
    isDueMixed: !isSameDue,
    words: "",
    zone: due?.zone,
    priority,
    before: priority,
    tags: first.tags.filter((tag) => todos.every(({ tags }) => hasTag(tags, tag))),
    added: [],
    removed: [],
    tag: "",
  };
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
    const { isDueTouched, due } = dueOf(store, planned);
    if (isDueTouched) composer.setDue(due);
  }
  if (priority !== undefined && priority !== before) composer.setPriority(priority);
  for (const tag of added) composer.addTag(tag);
  for (const tag of removed) composer.removeTag(tag);
}

function changeTodos(store: Store, planned: Planned): void {
  const { keys, name, priority, before, added, removed } = planned;
  const { isDueTouched, due } = dueOf(store, planned);
  const rows = store.rowsOf(keys);
  const missing = keys.length - rows.length;
  if (missing > 0) store.complain(`Deleted meanwhile: ${keys.length === 1 ? name : `${missing} of ${name}`}.`);
  store.actions.plan(rows, {
    ...(isDueTouched && { due: due ?? null }),
    ...(priority !== before && { priority }),
    addTags: added,
    removeTags: removed,
  });
}

/** Returns the due date that was planned. Complains about words that say none. */
function dueOf(store: Store, planned: Planned): Pick<Planned, "due" | "isDueTouched"> {
  const words = planned.words.trim();
  const found = store.dueInput.parse(words, store.now);
  if (found) return { due: found.due, isDueTouched: true };
  if (words !== "") store.complain(`${quote(words)} ${store.dueInput.isReady ? "is no date." : "can’t be read as a date at the moment."}`);
  return planned;
}
