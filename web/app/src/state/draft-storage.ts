import type { DraftEntry } from "./drafts.ts";

/** Keeps the drafts of one tab and user, so that loading the page again loses no text. */
export class DraftStorage {
  readonly #key: string;
  readonly #storage: Storage | undefined;

  /** @param storage is the tab's; undefined where the browser has none to give. */
  constructor(userId: string, storage = tabStorage()) {
    this.#key = keyOf(userId);
    this.#storage = storage;
  }

  /** Returns the drafts that were saved last. */
  load(): readonly (readonly [key: string, entry: DraftEntry])[] {
    try {
      const entries: unknown = JSON.parse(this.#storage?.getItem(this.#key) ?? "[]");
      return Array.isArray(entries) ? entries.filter(isEntry) : [];
    } catch {
      return []; // Not written by this page.
    }
  }

  /** Keeps these drafts only. */
  save(entries: ReadonlyMap<string, DraftEntry>): void {
    try {
      if (entries.size === 0) this.#storage?.removeItem(this.#key);
      else this.#storage?.setItem(this.#key, JSON.stringify([...entries]));
    } catch {
      // There is no room. The text is still on the page.
    }
  }
}

/** Forgets the drafts of all users but one, or of all: this tab isn't theirs any more. */
export function forgetDrafts(kept?: string, storage = tabStorage()): void {
  try {
    const keys = Array.from({ length: storage?.length ?? 0 }, (_, i) => storage?.key(i) ?? "");
    const others = keys.filter((key) => key.startsWith(keyOf("")) && (kept === undefined || key !== keyOf(kept)));
    for (const key of others) storage?.removeItem(key);
  } catch {
    // The browser keeps none.
  }
}

function keyOf(userId: string): string {
  return `todo.drafts ${userId}`;
}

function isEntry(value: unknown): value is [string, DraftEntry] {
  if (!Array.isArray(value) || typeof value[0] !== "string") return false;
  const { title, description, faults } = (value[1] as Partial<DraftEntry> | null)?.draft ?? {};
  return typeof title === "string" && typeof description === "string" && typeof faults === "object" && faults !== null;
}

/** Reading the property fails where the user blocks storage. */
function tabStorage(): Storage | undefined {
  try {
    return globalThis.sessionStorage;
  } catch {
    return undefined;
  }
}
