import { caseFold } from "./case-fold.ts";

/** The most tags of a todo, and of those that an update adds or takes off: the contract's limits. */
export const maxTags = 20;

/** The most characters of a tag, in code points: the contract's limit. */
export const maxTag = 50;

/** Returns a tag without the differences that don't count: two tags are the same if these are. */
export function foldTag(tag: string): string {
  return caseFold(tag.normalize("NFC")).normalize("NFC");
}

/** Returns whether tags contain one, in whatever case. */
export function hasTag(tags: readonly string[], tag: string): boolean {
  const folded = foldTag(tag);
  return tags.some((other) => foldTag(other) === folded);
}

/** Returns tags without some, and with others, in the service's order. What is there stays as it is written. */
export function editTags(tags: readonly string[], { add = [], remove = [] }: TagEdit): readonly string[] {
  const edited = new Map(tags.map((tag) => [foldTag(tag), tag]));
  for (const tag of remove) edited.delete(foldTag(tag));
  for (const tag of add) if (!edited.has(foldTag(tag))) edited.set(foldTag(tag), tag);
  return [...edited].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, tag]) => tag);
}

/** Tags to take off and to add. What is in both is there afterwards. */
export interface TagEdit {
  readonly add?: readonly string[] | undefined;
  readonly remove?: readonly string[] | undefined;
}

/** Returns the edit with the effect of two. */
export function mergeTagEdits(earlier: TagEdit = {}, later: TagEdit = {}): TagEdit {
  const without = (tags: readonly string[] = [], others: readonly string[] = []) => tags.filter((tag) => !hasTag(others, tag));
  return {
    remove: [...without(earlier.remove, later.remove), ...(later.remove ?? [])],
    add: [...without(without(earlier.add, later.remove), later.add), ...(later.add ?? [])],
  };
}

/** Returns whether an edit adds, or takes off, more tags than one request may name. */
export function editsTooMany({ add = [], remove = [] }: TagEdit = {}): boolean {
  return Math.max(add.length, remove.length) > maxTags;
}
