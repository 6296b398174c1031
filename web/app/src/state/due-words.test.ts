import assert from "node:assert/strict";
import test from "node:test";
import { dueReader } from "./due-words.ts";

/** A Sunday afternoon. */
const now = { instant: Date.parse("2026-11-29T13:30Z"), zone: "Europe/Berlin" };

/** Returns what is read as "date time zone [words]". */
async function read(text: string, languages = ["en-US"], at = now): Promise<string[]> {
  const found = (await dueReader(languages))(text, at);
  return found.map(({ due: { date, time, zone }, start, end }) =>
    [date, ...(time ? [time] : []), ...(zone ? [zone] : []), `[${text.slice(start, end)}]`].join(" "),
  );
}

for (const [text, ...expected] of [
  ["Call mum tomorrow 9am", "2026-11-30 09:00 [tomorrow 9am]"],
  ["Call mum tomorrow", "2026-11-30 [tomorrow]"],
  ["fri", "2026-12-04 [fri]"],
  ["1 dec", "2026-12-01 [1 dec]"],
  ["report by on Friday at 5pm, please", "2026-12-04 17:00 [by on Friday at 5pm]"],
  ["pay rent due 1 dec", "2026-12-01 [due 1 dec]"],
  ["jan 5", "2027-01-05 [jan 5]"],
  ["2027-03-01", "2027-03-01 [2027-03-01]"],
  ["12/24", "2026-12-24 [12/24]"],
  ["next week", "2026-12-06 [next week]"],
  ["in 3 days", "2026-12-02 [in 3 days]"],
  ["in 2 hours", "2026-11-29 16:30 Europe/Berlin [in 2 hours]"],
  ["today", "2026-11-29 [today]"],
  ["tonight", "2026-11-29 [tonight]"],
  ["tomorrow at noon", "2026-11-30 12:00 [tomorrow at noon]"],
  ["dentist fri then gym sat", "2026-12-04 [fri]", "2026-12-05 [sat]"],
] as const) {
  test(`plain words are read: ${text}`, async () => assert.deepEqual(await read(text), expected));
}

test("a time without a day is today, or tomorrow when it is over", async () => {
  assert.deepEqual(await read("5pm"), ["2026-11-29 17:00 [5pm]"]);
  assert.deepEqual(await read("at 14:29"), ["2026-11-30 14:29 [at 14:29]"]);
  assert.deepEqual(await read("at 14:31"), ["2026-11-29 14:31 [at 14:31]"]);
});

test("nothing else is read", async () => {
  for (const text of [
    "", "may call Bob", "sun lotion", "now", "yesterday", "last friday", "march 5 2020", "Buy December calendar", "good morning",
    "Run 30 min", "work for 2 hours", "buy 2 eggs", "room 2026", "a second helping", "Money", "3 days ago",
  ]) {
    assert.deepEqual(await read(text), [], text);
  }
});

for (const [language, ...texts] of [
  ["en-US", "3/4 cup sugar", "24/7 support", "support 24/7", "10 am fuses", "1/2 price", "sat nav", "wed Bob", "sit under the sun", "room 10/12 cleanup"],
  ["en-GB", "3/4 cup sugar", "24/7 support", "support 24/7", "10 am fuses"],
  ["fr", "mon chat", "appeler mon père", "voir la mer", "Appeler Sam", "cadeau pour sam", "dim sum", "faire ven", "jeu de cartes", "acheter un jeu", "sat navette"],
  ["de", "so viele Eier", "So machen", "um so besser", "mach es so", "Fr. Müller anrufen", "to do", "Di bezahlen", "mi casa", "1/2 Liter Milch", "24/7 Support"],
  ["es", "mar azul", "ir al mar", "ver el mar", "sol y mar", "comprar 3/4 kg", "mon cheri"],
  ["it", "mar rosso", "vedere il mar", "dom perignon", "1/2 litro di latte"],
  ["pt", "ter um plano", "coisas para ter", "o dom da vida", "um dom", "3/4 xícara"],
  ["nl", "zo snel mogelijk", "doe het zo", "bel ma", "ma bellen", "op zo’n dag", "to do", "om zo te doen", "vr bellen"],
  ["sv", "ons hus", "till fre som vill", "3/4 kopp"],
  ["ru", "ср и так далее"],
] as const) {
  test(`words that are more often something else are not read: ${language}`, async () => {
    for (const text of texts) assert.deepEqual(await read(text, [language]), [], text);
  });
}

for (const [language, text, expected] of [
  ["en", "gym sat \ufffc\ufffc", "2026-12-05 [sat]"],
  ["en", "meet wed, then call", "2026-12-02 [wed,]"],
  ["en", "at 10 am call Bob", "2026-11-30 10:00 [at 10 am]"],
  ["en", "10am call Bob", "2026-11-30 10:00 [10am]"],
  ["en", "sat 10 am cleaning", "2026-12-05 10:00 [sat 10 am]"],
  ["fr", "rdv le mer", "2026-12-02 [le mer]"],
  ["fr", "mer 9h rdv", "2026-12-02 09:00 [mer 9h]"],
  ["fr", "à la mer demain", "2026-11-30 [demain]"],
  ["fr", "mer.", "2026-12-02 [mer]"],
  ["de", "Zahnarzt Fr", "2026-12-04 [Fr]"],
  ["de", "am So putzen", "2026-12-06 [am So]"],
  ["de", "Sa 10 Uhr Markt", "2026-12-05 10:00 [Sa 10 Uhr]"],
  ["es", "cita el vie", "2026-12-04 [el vie]"],
  ["es", "mar 9:00", "2026-12-01 09:00 [mar 9:00]"],
  ["it", "sab ore 9", "2026-12-05 [sab]"],
  ["pt", "ter", "2026-12-01 [ter]"],
  ["pt", "reunião seg", "2026-11-30 [seg]"],
  ["nl", "op ma bellen", "2026-11-30 [op ma]"],
  ["nl", "tandarts vr", "2026-12-04 [vr]"],
] as const) {
  test(`short names are read where they can only be days: ${language} ${text}`, async () => assert.deepEqual(await read(text, [language]), [expected]));
}

test("days and months are in the order of the user's country", async () => {
  assert.deepEqual(await read("5/3/2027", ["en-US"]), ["2027-05-03 [5/3/2027]"]);
  assert.deepEqual(await read("5/3/2027", ["en-GB", "en"]), ["2027-03-05 [5/3/2027]"]);
});

for (const [language, text, expected] of [
  ["de-DE", "Anrufen morgen um 9", "2026-11-30 09:00 [morgen um 9]"],
  ["de", "Steuer bis Freitag", "2026-12-04 [bis Freitag]"],
  ["fr-CA", "Appeler demain", "2026-11-30 [demain]"],
  ["es", "Llamar mañana", "2026-11-30 [mañana]"],
  ["it", "Chiamare domani", "2026-11-30 [domani]"],
  ["nl", "Bellen morgen", "2026-11-30 [morgen]"],
  ["pt-BR", "Ligar amanhã", "2026-11-30 [amanhã]"],
  ["ru", "Позвонить завтра", "2026-11-30 [завтра]"],
  ["uk", "Подзвонити завтра", "2026-11-30 [завтра]"],
  ["sv", "Ring imorgon", "2026-11-30 [imorgon]"],
  ["ja", "明日牛乳を買う", "2026-11-30 [明日]"],
  ["zh-CN", "明天买牛奶", "2026-11-30 [明天]"],
] as const) {
  test(`users write in their language, or in English: ${language}`, async () => {
    assert.deepEqual(await read(text, [language]), [expected]);
    assert.deepEqual(await read("Call tomorrow 9am", [language]), ["2026-11-30 09:00 [tomorrow 9am]"]);
  });
}

test("a language that is not known is passed over", async () => {
  assert.deepEqual(await read("morgen", ["tlh", "de"]), ["2026-11-30 [morgen]"]);
  assert.deepEqual(await read("tomorrow", ["__proto__", "constructor"]), ["2026-11-30 [tomorrow]"]);
  assert.deepEqual(await read("tomorrow", []), ["2026-11-30 [tomorrow]"]);
});

test("days are those of the user's zone, whatever this computer's is", async () => {
  const instant = Date.parse("2026-11-30T10:30Z");
  assert.deepEqual(await read("today", ["en"], { instant, zone: "Pacific/Kiritimati" }), ["2026-12-01 [today]"]);
  assert.deepEqual(await read("today", ["en"], { instant, zone: "Pacific/Honolulu" }), ["2026-11-30 [today]"]);
  assert.deepEqual(await read("tomorrow", ["en"], { instant, zone: "Pacific/Honolulu" }), ["2026-12-01 [tomorrow]"]);
});

test("hours from now are hours, also when clocks change meanwhile", async () => {
  const before = { instant: Date.parse("2026-03-29T00:30Z"), zone: "Europe/Berlin" };
  assert.deepEqual(await read("in 2 hours", ["en"], before), ["2026-03-29 04:30 Europe/Berlin [in 2 hours]"]);
});

test("a time in a zone that is named is told where the user is, and stays the same instant elsewhere", async () => {
  assert.deepEqual(await read("tomorrow 9am EST"), ["2026-11-30 15:00 Europe/Berlin [tomorrow 9am EST]"]);
});

test("the leap day is read when there is one", async () => {
  assert.deepEqual(await read("29 feb 2028"), ["2028-02-29 [29 feb 2028]"]);
  assert.deepEqual(await read("29 feb 2027"), []);
});
