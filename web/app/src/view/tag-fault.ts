/** Placeholder until the state has it. */
export function tagFault(tag: string): string | undefined {
  return tag.trim() === "" ? "Write a tag first." : [...tag].length > 50 ? "Must be at most 50 characters." : undefined;
}
