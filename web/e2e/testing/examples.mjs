// Todos that tests and pictures begin with.

/** @typedef {import("./todo-page.mjs").TodoPage} TodoPage */

/** Todos as people write them, the oldest first. */
export const examples = [
  { title: "Return the library books", isCompleted: true },
  { title: "Call the dentist", description: "Mornings only. Ask about the crown, too." },
  { title: "Pay the electricity bill", isCompleted: true },
  { title: "Water the plants" },
  { title: "Book the train to Vienna", description: "Friday after four, window seat,\nback on Sunday evening" },
  { title: "Buy oat milk, coffee and a good bread" },
];

/**
 * Changes a todo past the page, and waits until the page has it.
 *
 * @param {TodoPage} page
 * @param {string} title
 * @param {{ title?: string, description?: string }} change
 */
export async function editElsewhere(page, title, change) {
  const { todos } = await page.call("ListTodos", {});
  const { id } = todos.find((/** @type {any} */ todo) => todo.title === title);
  await page.call("UpdateTodo", { id, ...change });
}

/**
 * Gives the user the examples.
 *
 * @param {TodoPage} page
 */
export async function fill(page) {
  const token = await page.token();
  for (const { isCompleted, ...text } of examples) {
    const { id } = await page.call("CreateTodo", text, token);
    if (isCompleted) await page.call("UpdateTodo", { id, isCompleted }, token);
  }
  await page.reload();
  await page.shows(openExamples());
}

/** The titles of the examples that are to be done, as the page lists them. */
export function openExamples() {
  return examples.filter(({ isCompleted }) => !isCompleted).map(({ title }) => title).reverse();
}

/** Todos of a week, the oldest first; days are counted from today. */
const week = [
  { title: "Return the library books", isCompleted: true, tags: ["home"] },
  { title: "Send the invoice for October", days: -2, priority: "PRIORITY_HIGH", tags: ["work"] },
  { title: "Call the dentist", description: "Mornings only. Ask about the crown, too.", days: 0, dueTime: "09:30", tags: ["health"] },
  { title: "Pay the rent", days: 0, priority: "PRIORITY_HIGH", tags: ["home"] },
  { title: "Review the draft of the talk", days: 1, dueTime: "14:00", priority: "PRIORITY_MEDIUM", tags: ["work"] },
  { title: "Book the train to Vienna", description: "Friday after four, window seat,\nback on Sunday evening", days: 3, tags: ["travel"] },
  { title: "Water the plants", days: 5, priority: "PRIORITY_LOW", tags: ["home"] },
  { title: "Buy oat milk, coffee and a good bread", tags: ["home", "groceries"] },
  { title: "Read https://en.wikipedia.org/wiki/Getting_Things_Done" },
];

/**
 * Gives the user todos of a week.
 *
 * @param {TodoPage} page
 */
export async function fillWeek(page) {
  const token = await page.token();
  for (const { isCompleted, days, ...content } of week) {
    const due = days === undefined ? {} : { dueDate: dayFromNow(days) };
    const { id } = await page.call("CreateTodo", { ...content, ...due }, token);
    if (isCompleted) await page.call("UpdateTodo", { id, isCompleted }, token);
  }
  await page.reload();
  await page.shows(week.filter(({ isCompleted }) => !isCompleted).map(({ title }) => title).reverse());
}

/**
 * Returns a day as the service has it.
 *
 * @param {number} days from today, here.
 * @param {number} [now] in milliseconds since 1970.
 */
export function dayFromNow(days, now = Date.now()) {
  const day = new Date(now);
  day.setDate(day.getDate() + days);
  return [day.getFullYear(), day.getMonth() + 1, day.getDate()].map((part) => String(part).padStart(2, "0")).join("-");
}
