/** The most todos that are made of one pasted text: more is likely a mistake. */
export const maxLines = 500;

/** A todo that was pasted. */
export interface PastedTodo {
  readonly title: string;
  readonly isCompleted: boolean;
}

/** "- ", "* ", "• ", "1. " or "1) " in front of a line. */
const bullet = /^(?:[-*+•‣–—]|\d{1,3}[.)])\s+/u;

/** "[ ]" or "[x]" in front of a line, after its bullet. */
const box = /^\[([ xX]?)\]\s+/;

/** Returns the todos of a pasted text, one a line, without the marks of lists. */
export function pastedTodos(text: string): readonly PastedTodo[] {
  return text.split(/[\r\n\u2028\u2029]+/u).flatMap((line) => {
    const item = line.trim().replace(bullet, "");
    const [mark, state = ""] = box.exec(item) ?? [""];
    const title = item.slice(mark.length).trim();
    return title === "" || /^\[[ xX]?\]$/.test(title) ? [] : [{ title, isCompleted: state.toLowerCase() === "x" }];
  });
}
