import { render } from "lit-html";
import { createAccount } from "./api/account.ts";
import { createTodoClient } from "./api/client.ts";
import { wireFormatOf } from "./api/transport.ts";
import { loadConfig, type Config } from "./config.ts";
import { openOffline } from "./offline.ts";
import { filterOf, hashOf } from "./state/filter.ts";
import { Session } from "./state/session.ts";
import { Choosing } from "./view/choosing.ts";
import { Drag } from "./view/drag.ts";
import { drawAround, focusForm } from "./view/focus.ts";
import { leaveInputMethodsAlone } from "./view/input-method.ts";
import { brokenPage, page } from "./view/page.ts";
import { Places } from "./view/places.ts";
import { Plan } from "./view/plan.ts";
import { Readback } from "./view/readback.ts";
import { coalesce } from "./view/render.ts";
import { RowWindow } from "./view/row-window.ts";
import { Shortcuts } from "./view/shortcuts.ts";
import "./styles/base.css";
import "./styles/controls.css";
import "./styles/page.css";
import "./styles/side-bar.css";
import "./styles/sign-in.css";
import "./styles/composer.css";
import "./styles/row.css";
import "./styles/row-text.css";
import "./styles/gap.css";
import "./styles/list.css";
import "./styles/plan.css";
import "./styles/messages.css";

const root = document.getElementById("app") as HTMLElement;

try {
  start(await loadConfig());
} catch (error) {
  // Without its configuration the page doesn't know the servers.
  render(brokenPage((error as Error).message), root);
}

/** Connects the browser's events with the session, and the session with the screen. */
function start(config: Config): void {
  const changed = coalesce(() => {
    drawAround(() => {
      render(page(session, { shortcuts, places, rowWindow, plan, choosing, drag, readback }), root);
      places.keep();
      rowWindow.measure();
    });
  });
  const account = createAccount(config.authUrl);
  const session = new Session({
    account,
    undoSeconds: config.undoSeconds,
    clientFor: (user) => createTodoClient(config.apiUrl, wireFormatOf(location.search), account, user),
    filter: () => filterOf(location.hash),
    goTo: (filter) => (location.hash = hashOf(filter)),
    changed,
    confirm: (question) => confirm(question),
  });
  const places = new Places(changed);
  const plan = new Plan(() => session.store, changed);
  const choosing = new Choosing(changed);
  const drag = new Drag(() => session.store);
  const readback = new Readback(changed);
  const shortcuts = new Shortcuts(() => session.store, { plan, choosing, places }, changed);
  const rowWindow = new RowWindow(changed);

  leaveInputMethodsAlone(document);
  document.addEventListener("keydown", shortcuts.handle);
  addEventListener("hashchange", () => {
    const filter = filterOf(location.hash);
    if (session.store?.filter === filter) return; // The page itself changed the address.
    if (session.store) session.store.show(filter);
    else {
      session.clearFaults();
      void focusForm();
    }
  });
  // The second one shows at once that the network is gone.
  for (const type of ["online", "offline"]) addEventListener(type, () => (session.store ?? session).retryNow());
  document.addEventListener("visibilitychange", () => session.store?.setVisible(document.visibilityState === "visible"));
  addEventListener("beforeunload", (event) => {
    if (session.wouldLose) event.preventDefault();
  });

  changed();
  void session.start();
  void openOffline();
}
