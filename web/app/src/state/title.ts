// The contract's rule for titles (CreateTodoRequest.title). The page checks it too,
// so that the user sees an error without waiting for the service.

/** A visible character: not blank, not a control or format character, not an accent without a letter. */
const visible = /[^\p{Cc}\p{Cf}\p{Z}\p{M}\p{Default_Ignorable_Code_Point}\u2800\u{13441}\u{13442}\u{1D159}]|[\u0600-\u0605\u06DD\u070F\u0890\u0891\u08E2\u{110BD}\u{110CD}]/u;

/** Returns the error of a title without a visible character. */
export function titleFault(title: string): string | undefined {
  if (visible.test(title)) return undefined;
  return title.trim() === "" ? "Write a title first." : "Nothing in this title can be seen. Write one that can.";
}
