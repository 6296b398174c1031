import { maxTag } from "../sync/tags.ts";
import type { Priority } from "../sync/todo.ts";
import type { Range } from "./search.ts";

/** A sign in a title that stands for a tag or a priority. */
export type Sign = Range & { readonly text: string } & (
    | { readonly kind: "tag"; readonly tag: string }
    | { readonly kind: "priority"; readonly priority: Priority }
  );

/** "#home" after white space or at the beginning. A full stop at its end is not part of it. */
const tagPattern = /(?<!\S)#([\p{L}\p{M}\p{N}\p{Extended_Pictographic}\u200d\ufe0f_\-/&+.]*[\p{L}\p{M}\p{N}\p{Extended_Pictographic}\ufe0f_])/gu;

/** "#1" is a number, not a tag. */
const letter = /[\p{L}\p{Extended_Pictographic}]/u;

const priorityPattern = /(?<!\S)!(low|medium|high|[1-3])(?!\S)/giu;

/** "!1" is the first priority, so the highest. */
const priorities: Readonly<Record<string, Priority>> = { low: 1, medium: 2, high: 3, "1": 3, "2": 2, "3": 1 };

/** Returns the tags and priorities in a title, in order. */
export function signsIn(title: string): readonly Sign[] {
  const signs: Sign[] = [];
  for (const { 0: text, 1: tag = "", index } of title.matchAll(tagPattern)) {
    if (letter.test(tag) && [...tag].length <= maxTag) signs.push({ kind: "tag", tag, text, start: index, end: index + text.length });
  }
  for (const { 0: text, 1: name = "", index } of title.matchAll(priorityPattern)) {
    const priority = priorities[name.toLowerCase()] ?? 0;
    signs.push({ kind: "priority", priority, text, start: index, end: index + text.length });
  }
  return signs.sort((a, b) => a.start - b.start);
}
