import { foldTag } from "../sync/tags.ts";

/** The lists that the page shows; those by tag name it in its folded form. */
export type Filter = "today" | "upcoming" | "all" | "done" | "trash" | `tag:${string}`;

const lists: readonly Filter[] = ["today", "upcoming", "all", "done", "trash"];

const tagHash = "#tag/";

/** Reads the list to show from a page's fragment, "#today" or "#tag/home"; all otherwise. */
export function filterOf(fragment: string): Filter {
  if (fragment.startsWith(tagHash)) {
    try {
      const tag = decodeURIComponent(fragment.slice(tagHash.length));
      if (tag !== "") return tagFilter(tag);
    } catch {
      return "all"; // A fragment that nobody has written by this page.
    }
  }
  return lists.find((filter) => fragment === `#${filter}`) ?? "all";
}

/** Returns the fragment of a list. */
export function hashOf(filter: Filter): string {
  const tag = tagOf(filter);
  return tag === undefined ? `#${filter}` : tagHash + encodeURIComponent(tag);
}

/** Returns the list of the todos with a tag. */
export function tagFilter(tag: string): Filter {
  return `tag:${foldTag(tag)}`;
}

/** Returns the folded tag of a list by tag; undefined for other lists. */
export function tagOf(filter: Filter): string | undefined {
  return filter.startsWith("tag:") ? filter.slice("tag:".length) : undefined;
}
