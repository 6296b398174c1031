import { render } from "lit-html";
import { createAccount } from "./api/account.ts";
import { createTodoClient } from "./api/client.ts";
import { wireFormatOf } from "./api/transport.ts";
import { loadConfig, type Config } from "./config.ts";
import { Session } from "./state/session.ts";
import { EndWatcher } from "./view/end-watcher.ts";
import { drawAround, focusForm } from "./view/focus.ts";
import { leaveInputMethodsAlone } from "./view/input-method.ts";
import { filterOf } from "./view/list.ts";
import { brokenPage, page } from "./view/page.ts";
import { Places } from "./view/places.ts";
import { coalesce } from "./view/render.ts";
import { Shortcuts } from "./view/shortcuts.ts";
import "./styles/base.css";
import "./styles/controls.css";
import "./styles/page.css";
import "./styles/list.css";
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
      render(page(session, { shortcuts, places, end }), root);
      places.keep();
    });
    end.check();
  });
  const account = createAccount(config.authUrl);
  const session = new Session({
    account,
    undoSeconds: config.undoSeconds,
    clientFor: (user) => createTodoClient(config.apiUrl, wireFormatOf(location.search), account, user),
    filter: () => filterOf(location.hash),
    goTo: (filter) => (location.hash = filter),
    changed,
    confirm: (question) => confirm(question),
  });
  const shortcuts = new Shortcuts(() => session.store, changed);
  const places = new Places(changed);
  const end = new EndWatcher(() => void session.store?.more());

  leaveInputMethodsAlone(document);
  document.addEventListener("keydown", shortcuts.handle);
  addEventListener("hashchange", () => {
    const filter = filterOf(location.hash);
    if (session.store?.list.filter === filter) return; // The page itself changed the address.
    if (session.store) void session.store.show(filter);
    else {
      session.clearFaults();
      void focusForm();
    }
  });
  addEventListener("online", () => (session.store?.connection ?? session).retryNow());
  // Any of these events may be the last one that the page gets.
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") void session.store?.refresh();
    else session.store?.flush();
  });
  addEventListener("pagehide", () => session.store?.flush());
  addEventListener("beforeunload", (event) => {
    if (session.wouldLose) event.preventDefault();
    session.store?.flush();
  });

  changed();
  void session.start();
}
