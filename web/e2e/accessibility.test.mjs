// Every state of the page, in light and dark, on a desk and on phones: axe
// finds nothing, nothing is cut off, and fingers hit what they aim at. What
// happens is told to those who can't see it.

import assert from "node:assert/strict";
import test, { describe } from "node:test";
import axe from "axe-core";
import { eventually } from "./testing/eventually.mjs";
import { leavePicture } from "./testing/pictures.mjs";
import { useStack } from "./testing/stack.mjs";
import { states } from "./testing/states.mjs";

const stack = useStack();

/** What axe looks for: all of WCAG 2.2, levels A and AA, and what is good besides. */
const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/**
 * The windows that every state is looked at in; of a phone, also its narrowest.
 * Axe looks at the dark colours in one of them: they are the same in all.
 */
const devices = [
  { name: "desk", widths: [1024], targets: 24, axe: ["light", "dark"], context: {} },
  {
    name: "phone",
    widths: [390, 320],
    targets: 44,
    axe: ["light"],
    context: { hasTouch: true, isMobile: true, deviceScaleFactor: 2 },
  },
];

for (const device of devices) {
  describe(`on a ${device.name}`, { concurrency: 2 }, () => {
    for (const { name, signedOut, reach } of states) {
      test(`${name}: everybody can use it`, async (t) => {
        const context = { ...device.context, viewport: { width: device.widths[0] ?? 0, height: 720 } };
        const page = signedOut ? await stack.open(t, { context }) : await stack.openAs(t, "Alice", { context });
        await reach(page);
        for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
          await page.browserPage.emulateMedia({ colorScheme });
          await page.browserPage.evaluate(drawn);
          for (const width of device.widths) {
            await page.browserPage.setViewportSize({ width, height: 720 });
            await page.browserPage.evaluate(drawn);
            await leavePicture(page.browserPage, `${name} ${colorScheme} ${width}`);
            const where = `${colorScheme}, ${width} px wide`;
            assert.deepEqual(await page.browserPage.evaluate(findOverflow), [], `cut off in ${where}`);
            assert.deepEqual(await page.browserPage.evaluate(findSmallTargets, device.targets), [], `too small in ${where}`);
          }
          if (device.axe.includes(colorScheme)) {
            // High enough that nothing lies under what sticks to the window's edges: axe can't see its colours there.
            await page.browserPage.setViewportSize({ width: device.widths[0] ?? 0, height: 2400 });
            await page.browserPage.evaluate(drawn);
            assert.deepEqual(await violations(page.browserPage), [], `axe in ${colorScheme}`);
          }
        }
      });
    }
  });
}

test("what happens is announced", async (t) => {
  const page = await stack.openAs(t, "Alice");
  const token = await page.token();
  for (let i = 1; i <= 60; i++) await page.call("CreateTodo", { title: `Todo ${i}` }, token);
  await eventually(async () => (await page.titles()).length, 60);
  await page.reload();
  const announced = page.browserPage.locator("p[role=status][aria-live=polite]");
  const hears = (/** @type {string} */ text) => eventually(async () => (await announced.innerText()).trim(), text);
  await hears("60 todos");
  await page.add("Buy milk");
  await hears("Added “Buy milk”");
  await page.write("Call Ana #home");
  await page.newTodo.getByRole("status").getByText("Understood: tag home").waitFor();
  await page.write("");
  await page.complete("Buy milk");
  await page.messages.getByRole("status").getByText("Completed “Buy milk”").waitFor();
  await page.showDone();
  await page.checkbox("Buy milk").click();
  await page.messages.getByRole("status").getByText("Opened “Buy milk”").waitFor();
  await page.link("Done").click();
  await hears("No todos done");
  await page.link("All").click();
  await hears("61 todos");
  await page.delete("Buy milk");
  await page.messages.getByRole("status").getByText("Deleted “Buy milk”").waitFor();
  await page.messages.getByRole("button", { name: "Undo" }).click();
  await hears("Restored “Buy milk”");
});

test("everything has a role and a name, as screen readers tell it", async (t) => {
  const page = await stack.openAs(t, "Alice");
  await page.add("Buy milk", "2 litres");
  await page.delete("Buy milk");
  await page.messages.getByRole("button", { name: "Undo" }).click();
  await page.shows(["Buy milk"]);
  assert.equal((await page.browserPage.locator("body").ariaSnapshot()).trim(), `
- banner:
  - paragraph: Todo
  - search:
    - text: Search
    - searchbox "Search"
  - navigation "Lists":
    - link "Today":
      - /url: "#today"
    - link "Upcoming":
      - /url: "#upcoming"
    - link "All":
      - /url: "#all"
    - link "Done":
      - /url: "#done"
  - navigation "More lists":
    - link "Trash":
      - /url: "#trash"
  - text: Alice
  - button "Keyboard shortcuts"
  - button "Sign out"
- main:
  - status
  - heading "All" [level=1]
  - paragraph
  - button "Select several"
  - form "New todo":
    - text: Title
    - textbox "Title":
      - /placeholder: Add a todo, like “Call Ana fri 9am”
    - status
    - button "Add"
  - region "Todos":
    - list:
      - listitem:
        - checkbox "Buy milk"
        - button "Edit Buy milk"
        - paragraph: 2 litres
        - button "Plan Buy milk"
        - button "Delete Buy milk"
- region "Messages":
  - status
- status: Restored “Buy milk”
`.trim());
});

/**
 * Lets axe look at the page as it is.
 *
 * @param {import("playwright-core").Page} page
 * @returns {Promise<string[]>} what is wrong, and where.
 */
async function violations(page) {
  await page.evaluate(axe.source);
  return await page.evaluate(async (values) => {
    /** @type {import("axe-core")} */
    const axe = /** @type {any} */ (window).axe;
    const { violations, incomplete } = await axe.run(document, { runOnly: { type: "tag", values } });
    const found = [...violations, ...incomplete].flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${html}\n${failureSummary}`),
    );
    // Lines from right to left: the space at which one breaks lies over a link, says axe.
    const isBroken = (/** @type {string} */ text) => /^color-contrast: <[ap] [^]*dir="(auto|ltr)"[^]*partially overlaps/.test(text);
    // And arrows, which have the colour of the letters around them.
    return found.filter((text) => !isBroken(text) && !text.includes("only non-text characters"));
  }, tags);
}

/** Runs in the page: waits until what has changed is drawn. */
async function drawn() {
  for (let frame = 0; frame < 2; frame++) await new Promise((resolve) => requestAnimationFrame(resolve));
}

/** Runs in the page: finds what makes it scroll to the side, or reaches out of its window. */
function findOverflow() {
  const { scrollWidth, clientWidth } = document.documentElement;
  const wide = scrollWidth > clientWidth ? [`the page is ${scrollWidth} px wide`] : [];
  for (const element of document.body.querySelectorAll("*")) {
    const { left, right, width } = element.getBoundingClientRect();
    if (width > 1 && (right > innerWidth + 1 || left < -1)) wide.push(element.outerHTML.slice(0, 200));
  }
  return wide;
}

/**
 * Runs in the page: finds controls that are lower or narrower than a finger
 * needs. Links within a sentence are as high as it.
 *
 * @param {number} least pixels.
 */
function findSmallTargets(least) {
  const small = [];
  for (const element of document.querySelectorAll("a, button, input, textarea, summary")) {
    if (element.matches("p a")) continue;
    const { width, height } = (element.closest("label") ?? element).getBoundingClientRect();
    if (width > 0 && (width < least || height < least)) small.push(`${width} × ${height}: ${element.outerHTML.slice(0, 200)}`);
  }
  return small;
}
