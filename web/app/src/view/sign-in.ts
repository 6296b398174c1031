import { html, nothing, type TemplateResult } from "lit-html";
import type { Credentials, Session } from "../state/session.ts";
import { fault } from "./text-fields.ts";

/** What differs between signing in and signing up. */
interface Mode {
  readonly isNew: boolean;
  readonly headline: string;
  readonly submit: string;
  readonly question: string;
  readonly other: string;
  readonly fragment: string;
}

const signIn: Mode = {
  isNew: false,
  headline: "Welcome back",
  submit: "Sign in",
  question: "New here?",
  other: "Create an account",
  fragment: "#sign-up",
};

const signUp: Mode = {
  isNew: true,
  headline: "Create an account",
  submit: "Sign up",
  question: "Have an account already?",
  other: "Sign in",
  fragment: "#sign-in",
};

/** Shows the form to sign in with, or up when the page's fragment says so. */
export function signInPage(session: Session): TemplateResult {
  const mode = location.hash === "#sign-up" ? signUp : signIn;
  const { faults, busy } = session;
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const text = (name: string) => String(form.get(name) ?? "");
    void submitAndLeave(session, { name: text("name"), email: text("email"), password: text("password") }, mode.isNew);
  };
  return html`
    <main class="sign-in">
      <form class="card" aria-labelledby="sign-in-title" @submit=${submit}>
        <img src="/favicon.svg" alt="" width="44" height="44" />
        <h1 id="sign-in-title">${mode.headline}</h1>
        ${fault("sign-in-fault", faults[""])}
        ${mode.isNew ? field("name", "Name", "text", "name", faults["name"]) : nothing}
        ${field("email", "Email", "email", "username", faults["email"])}
        ${field("password", "Password", "password", mode.isNew ? "new-password" : "current-password", faults["password"])}
        <button class="primary" type="submit" aria-disabled=${busy ? "true" : nothing}>${mode.submit}</button>
        <p class="other">${mode.question} <a href=${mode.fragment}>${mode.other}</a></p>
      </form>
    </main>
  `;
}

async function submitAndLeave(session: Session, credentials: Credentials, isNew: boolean): Promise<void> {
  await session.signIn(credentials, isNew);
  // Whoever signs up, and out later, next wants to sign in.
  if (session.store && location.hash.startsWith("#sign-")) history.replaceState(null, "", location.pathname + location.search);
}

function field(name: string, label: string, type: string, autocomplete: string, text: string | undefined): TemplateResult {
  return html`
    <div class="field">
      <label for="sign-in-${name}">${label}</label>
      <input
        id="sign-in-${name}"
        name=${name}
        type=${type}
        autocomplete=${autocomplete}
        dir=${type === "text" ? "auto" : nothing}
        required
        aria-invalid=${text ? "true" : nothing}
        aria-describedby=${text ? `sign-in-${name}-fault` : nothing}
      />
      ${fault(`sign-in-${name}-fault`, text)}
    </div>
  `;
}
