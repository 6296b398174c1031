// The contract's rules for texts (CreateTodoRequest). The page checks them too, so that
// the user sees an error at once, also without a network.

import type { Faults } from "../api/failure.ts";
import type { Text } from "../sync/todo.ts";

/** A visible character: not blank, not a control or format character, not an accent without a letter. */
const visible = /[^\p{Cc}\p{Cf}\p{Z}\p{M}\p{Default_Ignorable_Code_Point}\u2800\u{13441}\u{13442}\u{1D159}]|[\u0600-\u0605\u06DD\u070F\u0890\u0891\u08E2\u{110BD}\u{110CD}]/u;

/** The most characters of each text, in code points. */
const maxTitle = 500;
const maxDescription = 2000;

/** Returns the error of a title. */
export function titleFault(title: string): string | undefined {
  if (visible.test(title)) return commonFault(title, maxTitle);
  return title.trim() === "" ? "Write a title first." : "Nothing in this title can be seen. Write one that can.";
}

/** Returns the error of a description. */
export function descriptionFault(description: string): string | undefined {
  return commonFault(description, maxDescription);
}

/** Returns the errors of texts, by field; undefined if there are none. Absent texts have none. */
export function textFaults(text: Partial<Text>): Faults | undefined {
  const title = text.title === undefined ? undefined : titleFault(text.title);
  const description = text.description === undefined ? undefined : descriptionFault(text.description);
  if (title === undefined && description === undefined) return undefined;
  return { ...(title && { title }), ...(description && { description }) };
}

function commonFault(text: string, max: number): string | undefined {
  if (text.length > max && [...text].length > max) return `Must be at most ${max} characters.`;
  return text.includes("\0") ? "Must not contain the character NUL." : undefined;
}
