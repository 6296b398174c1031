// How requests reach the service. The generated client speaks to a Transport;
// which of the service's protocols that is makes no difference to the rest of
// the page.

import type { Interceptor, Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import { TodoService } from "../gen/todo/v1/todo_pb.ts";

/** The protocols and encodings that a browser can use. */
export type WireFormat = "json" | "binary" | "grpc-web";

/**
 * How long a call may take, a renewed token included, in milliseconds. The
 * service is told, and gives up by then too.
 */
export const callTimeout = 10_000;

/**
 * Returns a transport to the service at baseUrl. JSON is the one to choose
 * when nothing speaks against it: the browser's network panel can show it.
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

/** Reads the format from a page's query, `?transport=binary`; JSON otherwise. */
export function wireFormatOf(query: string): WireFormat {
  const name = new URLSearchParams(query).get("transport");
  return name === "binary" || name === "grpc-web" ? name : "json";
}

/**
 * Sends deletions in a way that the browser finishes even when the page goes
 * away meanwhile: they are put off until they can't be undone any more, which
 * may be when the user leaves. Such requests may carry 64 KiB altogether, so
 * not all are made like that.
 */
const fetchBeyondThePage: typeof fetch = (input, init) =>
  fetch(input, { ...init, keepalive: String(input).endsWith(`/${TodoService.method.deleteTodo.name}`) });
