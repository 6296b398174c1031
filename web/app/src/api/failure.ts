// What an error means to the page. Calls fail in many ways; a page needs to
// know only what to do next.

import { Code, ConnectError } from "@connectrpc/connect";
import { ViolationsSchema } from "../gen/buf/validate/validate_pb.ts";
import { SessionEnded } from "./access-tokens.ts";
import { AuthError } from "./account.ts";

/** Why a call failed, by what there is to do about it. */
export type Failure =
  /** The service, or the way to it, is away: try later, after so many milliseconds at least. */
  | { readonly kind: "away"; readonly message: string; readonly retryAfter: number }
  /** A rule is broken: show what each field's fault is. */
  | { readonly kind: "invalid"; readonly message: string; readonly fields: Faults }
  /** There is no such todo (any more). */
  | { readonly kind: "gone"; readonly message: string }
  /** There is a todo with this id already, and it is not the same. */
  | { readonly kind: "exists"; readonly message: string }
  /** Nobody is signed in (any more). */
  | { readonly kind: "session-ended"; readonly message: string }
  /** The page itself gave up the call. */
  | { readonly kind: "canceled"; readonly message: string }
  /** Anything else: trying again would change nothing. */
  | { readonly kind: "refused"; readonly message: string };

/** What is wrong, by the name of the field in the contract; "" is the whole. */
export type Faults = Readonly<Record<string, string>>;

/** Says what an error of a call, or of an account's method, means. */
export function failureOf(error: unknown): Failure {
  // What an interceptor or fetch throws arrives as the cause.
  const origin = error instanceof ConnectError && error.cause !== undefined ? error.cause : error;
  if (origin instanceof SessionEnded) return { kind: "session-ended", message: "Your session has ended." };
  if (origin instanceof AuthError) return ofAuth(origin);
  // fetch fails with a TypeError when there is no answer, whatever the
  // reason; with an AbortError here only by a time limit.
  if (origin instanceof TypeError || (origin instanceof DOMException && origin.name === "AbortError")) {
    return away("The service can’t be reached.");
  }
  return ofConnect(ConnectError.from(error));
}

function ofConnect(error: ConnectError): Failure {
  const wait = 1000 * Number(error.metadata.get("Retry-After") ?? NaN);
  switch (error.code) {
    case Code.Unavailable:
      return away("The service is not available at the moment.", wait);
    case Code.DeadlineExceeded:
      return away("The service takes too long to answer.", wait);
    case Code.ResourceExhausted:
      // Without Retry-After it is a bound that waiting does not help against.
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
    case Code.Unauthenticated:
      // The session is good, or there would be no token: the two servers
      // don't agree, and signing in again would not help.
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

/** Says which field of a sign-in form a code of Better Auth's is about; "" is the whole. */
function fieldOf(code: string): string {
  if (/EMAIL.*PASSWORD/.test(code)) return ""; // Which of the two stays a secret.
  if (/PASSWORD/.test(code)) return "password";
  if (/EMAIL|USER_ALREADY_EXISTS/.test(code)) return "email";
  return "";
}

/** Reads the details that the service sends with every invalid_argument. */
function faultsOf(error: ConnectError): Faults {
  const faults: Record<string, string> = {};
  for (const { violations } of error.findDetails(ViolationsSchema)) {
    for (const { field, message } of violations) {
      const name = field?.elements[0]?.fieldName ?? "";
      faults[name] ??= sentence(message); // The first is enough to act on.
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
