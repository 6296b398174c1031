// The languages in which due dates can be written. Each is a file of its own, which is
// loaded for those who use it.

import type { ParsedResult, ParsingOption, ParsingReference } from "chrono-node";

/** What chrono-node has for a language. */
export interface Language {
  parse(text: string, reference: ParsingReference, options: ParsingOption): ParsedResult[];
}

/** A language, and its words that lead to a due date: "by", "on". They go with it. */
export interface Words {
  readonly language: Language;
  readonly leading?: RegExp | undefined;
  /** The short names of weekdays that are other words, too. */
  readonly names?: RegExp | undefined;
  /** What comes before them only if they are weekdays. */
  readonly sure?: RegExp | undefined;
  /** What comes before a word that is no weekday: "the sun". */
  readonly never?: RegExp | undefined;
  /** The short names that are no other word, so that they can stand anywhere. */
  readonly free?: RegExp | undefined;
}

const english = /(?:(?<![\p{L}\p{N}])(?:due|by|on|at|until|till|in\s+the)\s+)+$/iu;

const sureEnglish = leading("due|by|on|until|till");

/** For those who write in another language, in which "mon" or "sun" may be a word. */
const besides = { leading: english, sure: sureEnglish, names: /^(?:mon|tue|wed|thu|fri|sat|sun)$/i };

const mainly = { leading: english, sure: sureEnglish, never: /(?<!\p{L})the\s+$/iu, free: /^(?:mon|tue|thu|fri)$/i };

const toDo = /(?<!\p{L})to[\s-]+$/iu;

const others: Readonly<Record<string, () => Promise<Words>>> = {
  ar: async () => ({ language: (await import("chrono-node/ar")).casual }),
  de: async () => ({ language: (await import("chrono-node/de")).casual, leading: leading("bis|zum|am|um|fällig"), names: /^(?:so|do|mo|di|mi|fr|sa)$/, sure: leading("bis|am"), never: toDo }),
  es: async () => ({ language: (await import("chrono-node/es")).casual, leading: leading("para|el|a\\s+las?"), names: /^mar$/i }),
  fi: async () => ({ language: (await import("chrono-node/fi")).casual }),
  fr: async () => ({ language: (await import("chrono-node/fr")).casual, leading: leading("pour|avant|le|à"), names: /^(?:mer|jeu|ven|sam|dim)$/i, sure: leading("le") }),
  id: async () => ({ language: (await import("chrono-node/id")).casual }),
  it: async () => ({ language: (await import("chrono-node/it")).casual, leading: leading("entro|il|alle"), names: /^mar$/i }),
  ja: async () => ({ language: (await import("chrono-node/ja")).casual }),
  nl: async () => ({ language: (await import("chrono-node/nl")).casual, leading: leading("uiterlijk|op|om"), names: /^(?:zo|ma)$/i, sure: leading("uiterlijk|op"), never: toDo }),
  pt: async () => ({ language: (await import("chrono-node/pt")).casual, leading: leading("até|para|em|às?"), names: /^(?:ter|dom)$/i }),
  ru: async () => ({ language: (await import("chrono-node/ru")).casual, leading: leading("до|в|во|к") }),
  sv: async () => ({ language: (await import("chrono-node/sv")).casual, leading: leading("senast|på|kl") }),
  uk: async () => ({ language: (await import("chrono-node/uk")).casual, leading: leading("до|в|у|о") }),
  vi: async () => ({ language: (await import("chrono-node/vi")).casual }),
  zh: async () => ({ language: (await import("chrono-node/zh")).casual }),
};

/** Returns the words of a user's first language that is known, and of English. */
export async function languagesFor(preferred: readonly string[]): Promise<readonly Words[]> {
  const tags = preferred.map((tag) => tag.toLowerCase());
  const first = tags.map((tag) => tag.split("-")[0] ?? "").find((name) => name === "en" || Object.hasOwn(others, name)) ?? "en";
  const { casual, GB } = await import("chrono-node/en");
  // "5/3" is March only where people write so.
  const monthFirst = first === "en" && /^en(?:-us|-ph)?$/.test(tags.find((tag) => tag.startsWith("en")) ?? "en");
  const fallback = { language: monthFirst ? casual : GB, ...(first === "en" ? mainly : besides) };
  const other = await others[first]?.();
  return other ? [other, fallback] : [fallback];
}

function leading(words: string): RegExp {
  return new RegExp(`(?:(?<![\\p{L}\\p{N}])(?:${words})\\s+)+$`, "iu");
}
