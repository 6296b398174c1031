import { html, type TemplateResult } from "lit-html";
import type { User } from "../api/account.ts";
import type { Session } from "../state/session.ts";
import type { Store } from "../state/store.ts";
import { composer } from "./composer.ts";
import { bulkBar, type Choosing } from "./choosing.ts";
import type { Drag } from "./drag.ts";
import { helpDialog } from "./help.ts";
import { stateText, todoList } from "./list.ts";
import { listHeading, sideBar } from "./nav.ts";
import { awayBanner, noticeStack } from "./notices.ts";
import type { Places } from "./places.ts";
import { planDialog } from "./plan-form.ts";
import type { Plan } from "./plan.ts";
import type { Readback } from "./readback.ts";
import type { RowWindow } from "./row-window.ts";
import type { Shortcuts } from "./shortcuts.ts";
import { signInPage } from "./sign-in.ts";

/** What the page keeps about itself, for as long as it is open. */
export interface Parts {
  readonly shortcuts: Shortcuts;
  readonly places: Places;
  readonly rowWindow: RowWindow;
  readonly plan: Plan;
  readonly choosing: Choosing;
  readonly drag: Drag;
  readonly readback: Readback;
}

/** Shows the page as it is for whoever is, or isn't, signed in. */
export function page(session: Session, parts: Parts): TemplateResult {
  const { store, user } = session;
  if (store && user) return todoPage(session, store, user, parts);
  if (session.starting) return startPage(session);
  return signInPage(session);
}

/** Shows that the page can't work at all, and why. */
export function brokenPage(problem: string): TemplateResult {
  return html`
    <main class="start">
      <h1 class="visually-hidden">Todo</h1>
      <div role="alert">${stateText("This page can’t start", problem)}</div>
    </main>
  `;
}

function startPage(session: Session): TemplateResult {
  return html`
    <main class="start">
      <h1 class="visually-hidden">Todo</h1>
      ${session.problem
        ? awayBanner(session.problem, "The page goes on by itself when it is back.", () => session.retryNow())
        : html`<p class="visually-hidden" role="status">Loading</p>`}
    </main>
  `;
}

function todoPage(session: Session, store: Store, user: User, parts: Parts): TemplateResult {
  const { shortcuts, places, rowWindow, plan, choosing, drag, readback } = parts;
  return html`
    <div class="app">
      ${sideBar(session, store, user)}
      <main class="todo-page">
        ${awayBanner(store.problem, `What you do is kept, and sent when it is back.${waiting(store.unsent)}`, () => store.retryNow())}
        ${listHeading(store, choosing)} ${composer(store, plan, readback)}
        ${todoList({ store, places, plan, choosing }, rowWindow, drag)} ${bulkBar(store, choosing, plan)}
      </main>
    </div>
    ${noticeStack(store)}
    <p class="visually-hidden" role="status" aria-live="polite">${store.announcement}</p>
    ${planDialog(store, plan)} ${helpDialog(shortcuts)}
  `;
}

/** Says how many changes wait, if any do. */
function waiting(count: number): string {
  return count === 0 ? "" : count === 1 ? " 1 change waits." : ` ${count} changes wait.`;
}
