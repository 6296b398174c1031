// The contract's rules for tags (CreateTodoRequest.tags). Texts of titles have the same
// visible characters.

import { titleFault } from "./title.ts";
import { maxTag } from "../sync/tags.ts";

/** Returns the error of a tag. */
export function tagFault(tag: string): string | undefined {
  if (/\p{Cc}/u.test(tag)) return "Must not contain line breaks or control characters.";
  if ([...tag].length > maxTag) return `Must be at most ${maxTag} characters.`;
  return titleFault(tag) === undefined ? undefined : "Nothing in this tag can be seen. Write one that can.";
}
