// How requests reach the service. The generated client uses a Transport, so the
// rest of the page doesn't depend on the protocol.

import type { Interceptor, Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import { TodoService } from "../gen/todo/v1/todo_pb.ts";

/** The protocols and encodings that a browser can use. */
export type WireFormat = "json" | "binary" | "grpc-web";

/**
 * How long a call may take, including the renewal of a token, in milliseconds.
 * It is sent to the service as the call's deadline.
 */
export const callTimeout = 10_000;

/**
 * Returns a transport to the service at baseUrl. Prefer JSON: the browser's
 * network panel can show it.
 */
export function createTransport(baseUrl: string, format: WireFormat, interceptors: Interceptor[]): Transport {
  const options = { baseUrl, interceptors, fetch: fetchBeyondThePage, defaultTimeoutMs: callTimeout };
  switch (format) {
    case "json":
      return createConnectTransport(options);
    case "binary":
      return createConnectTransport({ ...options, useBinaryFormat: true });
    case "grpc-web":
      return createGrpcWebTransport(options);
  }
}

/** Returns the format in a page's query, such as `?transport=binary`, or else JSON. */
export function wireFormatOf(query: string): WireFormat {
  const name = new URLSearchParams(query).get("transport");
  return name === "binary" || name === "grpc-web" ? name : "json";
}

/**
 * Sends deletions with keepalive, so that the browser finishes them even when the
 * page is closed. A deletion is sent when it can no longer be undone, which may be
 * when the user leaves. Other calls don't use keepalive, since all such requests
 * together may carry only 64 KiB.
 */
const fetchBeyondThePage: typeof fetch = (input, init) =>
  fetch(input, { ...init, keepalive: String(input).endsWith(`/${TodoService.method.deleteTodo.name}`) });
