import type { Due } from "../sync/due.ts";
import { editTags } from "../sync/tags.ts";
import type { Details, Priority } from "../sync/todo.ts";
import type { Now } from "./clock.ts";
import type { Draft } from "./drafts.ts";
import { mask, type Understood } from "./due-input.ts";
import type { Range } from "./search.ts";
import { signsIn } from "./title-syntax.ts";

/** A part of a title that was understood as something else. */
export type Piece = Range & { readonly text: string } & (
    | { readonly kind: "due"; readonly due: Due }
    | { readonly kind: "tag"; readonly tag: string }
    | { readonly kind: "priority"; readonly priority: Priority }
  );

/** A new todo as it was understood. */
export interface Composed extends Details {
  /** Without the pieces. */
  readonly title: string;
  readonly description: string;
  /** In order; they don't overlap. */
  readonly pieces: readonly Piece[];
}

/** What a draft is understood with. */
export interface ComposeOptions {
  readonly now: Now;
  /** Finds the due dates of a text, in order. */
  readDue(text: string, now: Now): readonly Understood[];
  /** What a new todo of the list has, if the user doesn't say otherwise. */
  readonly defaults?: Partial<Details> | undefined;
}

const address = /\S*(?:[a-z]+:\/\/|@)\S*/giu;

/** Returns the name by which a piece is ignored. */
export function nameOf({ kind, text }: Pick<Piece, "kind" | "text">): string {
  return `${kind} ${text.toLowerCase()}`;
}

/** Returns what a draft means. What the user has chosen wins over words, and words over what the list gives. */
export function compose(draft: Draft, { now, readDue, defaults = {} }: ComposeOptions): Composed {
  const pieces = draft.isVerbatim ? [] : piecesOf(draft, (text) => readDue(text, now));
  const said = pieces.flatMap((piece) => (piece.kind === "tag" ? [piece.tag] : []));
  const due = pieces.find((piece) => piece.kind === "due")?.due;
  const priority = pieces.find((piece) => piece.kind === "priority")?.priority;
  return {
    title: without(draft.title, pieces),
    description: draft.description,
    due: draft.due === null ? undefined : (draft.due ?? due ?? defaults.due),
    priority: draft.priority ?? priority ?? defaults.priority ?? 0,
    tags: editTags(defaults.tags ?? [], { remove: draft.withoutTags, add: [...(draft.tags ?? []), ...said] }),
    pieces,
  };
}

function piecesOf(draft: Draft, readDue: (text: string) => readonly Understood[]): readonly Piece[] {
  const { title, ignored = [] } = draft;
  const isIgnored = (piece: Piece) => ignored.includes(nameOf(piece));
  const signs: readonly Piece[] = signsIn(title);
  const pieces = signs.filter(
    (sign, i) =>
      !isIgnored(sign) &&
      (sign.kind === "tag" ||
        (draft.priority === undefined && !signs.slice(0, i).some((other) => other.kind === "priority" && !isIgnored(other)))),
  );
  if (draft.due !== undefined) return pieces;
  const masked = maskOut(title.replace(address, (text) => mask.repeat(text.length)), signs);
  const due = readDue(masked)
    .map(({ start, end, due }): Piece => ({ kind: "due", start, end, due, text: title.slice(start, end) }))
    .find((piece) => !isIgnored(piece));
  // A title like "Friday" would have nothing left.
  if (!due || without(title, [...pieces, due]) === "") return pieces;
  return [...pieces, due].sort((a, b) => a.start - b.start);
}

function maskOut(text: string, ranges: readonly Range[]): string {
  return ranges.reduce((text, { start, end }) => text.slice(0, start) + mask.repeat(end - start) + text.slice(end), text);
}

/** Returns a title without some parts, and without the white space that was around them. */
function without(title: string, pieces: readonly Range[]): string {
  const cuts = pieces.toSorted((a, b) => a.start - b.start);
  const rest = [0, ...cuts.map(({ end }) => end)].map((start, i) => title.slice(start, cuts[i]?.start));
  return rest
    .reduce((text, part) => {
      const isApart = /\s$/u.test(text) || /^\s/u.test(part);
      const [before, after] = [text.trimEnd(), part.trimStart()];
      return before + (isApart && before !== "" && !/^[,.;:!?)\]]+(?:\s|$)/.test(after) ? " " : "") + after;
    }, "")
    .trim();
}
