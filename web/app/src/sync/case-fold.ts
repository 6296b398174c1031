/**
 * Returns text without the differences of case, letter by letter, close to Unicode's full
 * case folding: ß and SS, σ and ς, ﬁ and FI are the same. Only ı isn't i.
 */
export function caseFold(text: string): string {
  const fold = (part: string) => [...part.toLowerCase().toUpperCase()].map((letter) => letter.toLowerCase()).join("");
  return text.split("ı").map(fold).join("ı");
}
