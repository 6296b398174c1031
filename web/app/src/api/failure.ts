// What an error means to the page. Calls fail for many reasons; a page only needs
// to know what to do next.

import { Code, ConnectError } from "@connectrpc/connect";
import { ViolationsSchema } from "../gen/buf/validate/validate_pb.ts";
import { SessionEnded } from "./access-tokens.ts";
import { AuthError } from "./account.ts";

/** Why a call failed, by what the page can do about it. */
export type Failure =
  /** The service can't be reached or can't serve: retry after at least so many milliseconds. */
  | { readonly kind: "away"; readonly message: string; readonly retryAfter: number }
  /** The request breaks a rule: show the error of each field. */
  | { readonly kind: "invalid"; readonly message: string; readonly fields: Faults }
  /** There is no such todo (any more). */
  | { readonly kind: "gone"; readonly message: string }
  /** Another todo has this id. */
  | { readonly kind: "exists"; readonly message: string }
  /** Nobody is signed in (any more). */
  | { readonly kind: "session-ended"; readonly message: string }
  /** The page itself canceled the call. */
  | { readonly kind: "canceled"; readonly message: string }
  /** Anything else: a retry would not help. */
  | { readonly kind: "refused"; readonly message: string };

/** Error messages by the field's name in the contract; "" is for the whole request. */
export type Faults = Readonly<Record<string, string>>;

/** Returns the meaning of an error of a call or of an account's method. */
export function failureOf(error: unknown): Failure {
  // An error of an interceptor or of fetch arrives as the cause.
  const origin = error instanceof ConnectError && error.cause !== undefined ? error.cause : error;
  if (origin instanceof SessionEnded) return { kind: "session-ended", message: "Your session has ended." };
  if (origin instanceof AuthError) return ofAuth(origin);
  // fetch fails with a TypeError when there is no response, for any reason. It
  // fails with an AbortError only because of a time limit.
  if (origin instanceof TypeError || (origin instanceof DOMException && origin.name === "AbortError")) {
    return away("The service can’t be reached.");
  }
  return ofConnect(ConnectError.from(error));
}

/** Returns the meaning of a code and message among the results of ApplyTodos. */
export function failureOfResult(code: string, message: string): Failure {
  if (code === "invalid_argument") {
    // The message names the field, as in "title: must be shorter".
    const [, field = "", fault = message] = /^(?:.*: )?(title|description): (.*)$/.exec(message) ?? [];
    return { kind: "invalid", message: sentence(message), fields: { [field]: sentence(fault) } };
  }
  const number = Object.entries(codeNames).find(([, name]) => name === code)?.[0];
  return ofConnect(new ConnectError(message, number === undefined ? Code.Unknown : Number(number)));
}

/** The codes of results by which the page does different things. */
const codeNames: Readonly<Partial<Record<Code, string>>> = {
  [Code.NotFound]: "not_found",
  [Code.AlreadyExists]: "already_exists",
  [Code.ResourceExhausted]: "resource_exhausted",
  [Code.Aborted]: "aborted",
  [Code.Unimplemented]: "unimplemented",
};

function ofConnect(error: ConnectError): Failure {
  const wait = 1000 * Number(error.metadata.get("Retry-After") ?? NaN);
  switch (error.code) {
    case Code.Unavailable:
      return away("The service is not available at the moment.", wait);
    case Code.DeadlineExceeded:
      return away("The service takes too long to answer.", wait);
    case Code.ResourceExhausted:
      // Without Retry-After, waiting doesn't help.
      if (!Number.isNaN(wait)) return away("You are faster than the service allows.", wait);
      return { kind: "refused", message: sentence(error.rawMessage) };
    case Code.InvalidArgument:
      return { kind: "invalid", message: sentence(error.rawMessage), fields: faultsOf(error) };
    case Code.AlreadyExists:
      return { kind: "exists", message: "It exists already." };
    case Code.NotFound:
      return { kind: "gone", message: "It no longer exists." };
    case Code.Canceled:
      return { kind: "canceled", message: "The call was canceled." };
    case Code.Aborted:
      return { kind: "refused", message: "It has been changed elsewhere meanwhile." };
    case Code.Unimplemented:
      return { kind: "refused", message: sentence(error.rawMessage) };
    case Code.Unauthenticated:
      // The session is valid, or there would be no token. The two servers
      // disagree, so signing in again would not help.
      return { kind: "refused", message: "The service does not accept your sign-in." };
    default:
      return { kind: "refused", message: "The service failed; this is not your fault." };
  }
}

function ofAuth(error: AuthError): Failure {
  if (error.status >= 500) return away("The sign-in service is not available at the moment.");
  if (error.status === 429) return away("Too many attempts. Wait a moment.");
  return { kind: "invalid", message: sentence(error.message), fields: { [fieldOf(error.code)]: sentence(error.message) } };
}

/** Returns the field of the sign-in form that an error code of Better Auth is about; "" is the whole form. */
function fieldOf(code: string): string {
  if (/EMAIL.*PASSWORD/.test(code)) return ""; // Better Auth doesn't tell which of the two.
  if (/PASSWORD/.test(code)) return "password";
  if (/EMAIL|USER_ALREADY_EXISTS/.test(code)) return "email";
  return "";
}

/** Returns the details that the service sends with every invalid_argument. */
function faultsOf(error: ConnectError): Faults {
  const faults: Record<string, string> = {};
  for (const { violations } of error.findDetails(ViolationsSchema)) {
    for (const { field, message } of violations) {
      const name = field?.elements[0]?.fieldName ?? "";
      faults[name] ??= sentence(message); // The first one is enough.
    }
  }
  return faults;
}

function away(message: string, retryAfter = 0): Failure {
  return { kind: "away", message, retryAfter: Number.isNaN(retryAfter) ? 0 : retryAfter };
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1).replace(/\.?$/, ".");
}
